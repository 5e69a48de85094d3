//! Import, gap board and preview in a real browser: a file with bad rows goes in and is taken back; a question asked in
//! vain becomes an entry that answers it.

use std::io::Write;

use fantoccini::Locator;
use madoguchi::app::Role;

use crate::browser::Driver;
use crate::browser_desk::{press, press_and_agree};
use crate::counter::Counter;

#[tokio::test]
async fn a_file_with_bad_rows_is_imported_and_taken_back() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    desk.staff("sato", &[Role::Editor]).await;
    let browser = driver.browser(1300, 900).await;
    browser.sign_in(&desk, "sato").await;
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    let text = "外部ID,カテゴリ1,質問,回答,公開開始\nk1,口座,会員証はもらえますか?,発行していません。,2026-04-01\nk2,口座,,空です,\nk3,口座,いつからですか?,春からです。,春\n";
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(text);
    file.write_all(&bytes).unwrap();

    browser.open(&format!("http://{}/staff/imports", desk.at)).await;
    let field = browser.client.find(Locator::Css("#file")).await.unwrap();
    field.send_keys(&file.path().to_string_lossy()).await.unwrap();
    press(&browser, "#give-do").await;
    let main = browser.text("#main").await;
    assert!(main.contains("Shift_JIS"), "{main}");
    let rejected = browser.text("#rejected").await;
    assert!(
        rejected.contains("質問が空です。") && rejected.contains("「春」は日付として読めません"),
        "{rejected}"
    );
    assert!(browser.text("#rows").await.contains("会員証はもらえますか?"));

    press(&browser, "#apply").await;
    assert!(browser.text("#outcome").await.contains("新規1件"));
    press_and_agree(&browser, "#undo").await;
    assert!(browser.text("#outcome").await.contains("取り消しました"));
    browser.open(&format!("http://{}/staff/entries?state=archived&q=", desk.at)).await;
    assert!(browser.text("#main").await.contains("会員証はもらえますか?"));
}

#[tokio::test]
async fn a_gap_becomes_an_entry_and_the_same_question_is_answered() {
    const ASKED: &str = "紙の領収書を郵送してもらえますか";
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    let reply = desk.client.visit().await.say(ASKED).await;
    assert_eq!(reply["decision"], "handoff");

    let editor = driver.signed_in(&desk, "sato", Role::Editor).await;
    let approver = driver.signed_in(&desk, "suzuki", Role::Approver).await;
    editor.open(&format!("http://{}/staff/gaps", desk.at)).await;
    assert!(editor.text("#main").await.contains(ASKED));
    press(&editor, "article h2 a").await;
    editor.fill("#answer", "郵送はしていません。取引履歴から発行してください。").await;
    press(&editor, "form[data-action=draft] button").await;
    let id = editor.text("#done a").await;

    editor.open(&format!("http://{}/staff/entries/{id}", desk.at)).await;
    press(&editor, "[data-act=submit]").await;
    approver.open(&format!("http://{}/staff/entries/{id}", desk.at)).await;
    press(&approver, "[data-act=approve]").await;
    // Taking the gap up wrote a case, so publishing looks first at what it changes.
    press_and_agree(&approver, "[data-act=publish]").await;
    let reply = desk.client.visit().await.say(ASKED).await;
    assert_eq!(reply["answer"]["entry_id"], id.as_str());
}
