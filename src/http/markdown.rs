//! Answers as HTML: CommonMark with tables, strike-through and links, raw HTML dropped, then cleaned down to the few
//! elements an answer needs. Text of people is never rendered here; it stays text.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

static OPTIONS: LazyLock<comrak::Options<'static>> = LazyLock::new(|| {
    let mut options = comrak::Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.render.hardbreaks = true;
    options
});

static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let tags = [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let mut cleaner = ammonia::Builder::empty();
    cleaner
        .tags(HashSet::from(tags))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("ol", HashSet::from(["start"])),
        ]))
        .url_schemes(HashSet::from(["https", "http", "mailto", "tel"]))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .link_rel(Some("noopener noreferrer"));
    cleaner.add_tag_attributes("a", ["target"]).set_tag_attribute_value("a", "target", "_blank");
    cleaner
});

/// `markdown` as safe HTML.
pub(super) fn to_html(markdown: &str) -> String {
    let html = comrak::markdown_to_html(markdown, &OPTIONS);
    // A page has its own h1 and h2; headings of an answer begin below them.
    let html = html
        .replace("<h1>", "<h3>")
        .replace("</h1>", "</h3>")
        .replace("<h2>", "<h4>")
        .replace("</h2>", "</h4>");
    CLEANER.clean(&html).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_its_form() {
        let html =
            to_html("1回 **440円** です。\n\n- 一\n- 二\n\n| 銘柄 | 数量 |\n| --- | --- |\n| BTC | 0.001 |");
        for part in ["<strong>440円</strong>", "<li>一</li>", "<td>BTC</td>"] {
            assert!(html.contains(part), "{html}");
        }
        assert!(to_html("[案内](https://minamo.example/a)").contains("rel=\"noopener noreferrer\""));
    }

    #[test]
    fn hostile_answers_are_inert() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "![x](https://evil.example/pixel.png)",
            "<a href=\"https://a.example\" onclick=\"alert(1)\">x</a>",
            "<iframe src=\"https://evil.example\"></iframe>",
            "<style>body{display:none}</style>",
            "<div style=\"position:fixed\">x</div>",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
        ] {
            let html = to_html(hostile).to_lowercase();
            for bad in [
                "<script",
                "<img",
                "<iframe",
                "<style",
                "onerror",
                "onclick",
                "javascript:",
                "data:",
                "style=",
            ] {
                assert!(!html.contains(bad), "{hostile} → {html}");
            }
        }
    }
}
