//! The evaluation report as people see it: on a phone, on a wide screen, by screen reader.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::browser::Driver;

#[tokio::test]
async fn the_report_fits_a_phone_and_says_in_words_what_it_draws() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    let output = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
        .args(["eval", "answers", "--split", "test", "--summary", "--report", path.to_str().unwrap()])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let url = format!("file://{}", path.display());
    let driver = Driver::start().await;
    for width in [320, 1100] {
        let browser = driver.browser(width, 900).await;
        browser.client.goto(&url).await.unwrap();
        let overflow =
            browser.js("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(overflow, 0, "the page scrolls sideways at {width} px");
        assert_eq!(
            browser.js("[...document.querySelectorAll('svg')].map(e => e.getAttribute('role'))").await,
            json!(["img", "img"])
        );
        for (wrong, what) in [
            ("svg:not([aria-label])", "plots without a description"),
            ("table:not(:has(caption))", "tables without a caption"),
            ("th:not([scope])", "headers of nothing"),
            (
                ".scroll:not([tabindex='0'][role='region'][aria-label])",
                "regions that a keyboard cannot scroll",
            ),
            ("section:not([aria-labelledby])", "sections without a name"),
            ("[src], link, script", "parts from elsewhere"),
        ] {
            assert_eq!(
                browser.js(&format!("document.querySelectorAll(\"{wrong}\").length")).await,
                0,
                "{what}"
            );
        }
        let drawn = browser.js("[...document.querySelectorAll('svg')].every(e => e.getBoundingClientRect().height > 150 && e.querySelectorAll('text').length > 8)").await;
        assert_eq!(drawn, true, "plots with axes at {width} px");
        let picture = browser.client.screenshot().await.unwrap();
        assert!(picture.len() > 20_000, "a picture of {} bytes is an empty page", picture.len());
    }
}
