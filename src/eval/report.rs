//! Reports for evaluators: one self-contained HTML page each, readable on paper, in the dark, at 320 px and by screen
//! reader. Owns the frame of a page; what a page holds is in its submodules. Escapes every text it is given.

mod answers;
mod comparison;
mod glossary;
mod plots;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

pub use answers::answers_page;
pub use comparison::comparison_page;

/// Style of every report.
const STYLE: &str = include_str!("report/style.css");

/// Writes a page.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, page: &str) -> anyhow::Result<()> {
    std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// A page with a title, a line below it, and sections.
fn page(title: &str, lead: &str, sections: &[Section]) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"ja\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} – 窓口</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{lead}</p>\n</header>\n<nav aria-label=\"目次\">\n<ul>\n",
        title = escape(title),
        lead = escape(lead),
    );
    for section in sections {
        let _ = writeln!(html, "<li><a href=\"#{}\">{}</a></li>", section.id, escape(section.title));
    }
    html.push_str("</ul>\n</nav>\n<main>\n");
    for Section { id, title, body } in sections {
        let title = escape(title);
        let _ = writeln!(
            html,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{body}</section>"
        );
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// A part of a page: its HTML id, heading, and content as HTML.
struct Section {
    id: &'static str,
    title: &'static str,
    body: String,
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters are not allowed in HTML, whatever a case file holds.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A table: the first column names the row, the others hold numbers or text as they are.
struct Table {
    caption: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether all columns but the first are numbers, set right.
    numeric: bool,
}

impl Table {
    fn new(caption: &str, header: &[&str]) -> Self {
        Self {
            caption: caption.to_owned(),
            header: header.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
            numeric: true,
        }
    }

    fn of_text(caption: &str, header: &[&str]) -> Self {
        Self { numeric: false, ..Self::new(caption, header) }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table in a region that scrolls by itself and can be reached by keyboard; nothing when it has no row.
    fn html(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let caption = escape(&self.caption);
        let class = if self.numeric { " class=\"numbers\"" } else { "" };
        let mut html = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">\n<table{class}>\n\
             <caption>{caption}</caption>\n<thead><tr>"
        );
        for name in &self.header {
            let _ = write!(html, "<th scope=\"col\">{}</th>", escape(name));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (position, cell) in row.iter().enumerate() {
                let cell = escape(cell);
                let _ = if position == 0 {
                    write!(html, "<th scope=\"row\">{cell}</th>")
                } else {
                    write!(html, "<td>{cell}</td>")
                };
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n</div>\n");
        html
    }
}

/// A figure for people: `.8125`-style precision of one in a thousand, or a dash.
fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

/// An interval for people.
fn range(interval: Option<super::statistics::Interval>) -> String {
    interval.map_or("–".to_owned(), |[low, high]| format!("[{low:.3},\u{a0}{high:.3}]"))
}

#[cfg(test)]
mod tests {
    use super::super::answers::{AnswerOptions, run_answers};
    use super::super::broken::ShuffledAnswerer;
    use super::super::compare::{CompareOptions, compare};
    use super::super::fake::{self, FakeDesk};
    use super::super::rows::Skipped;
    use super::super::scored::ScoredRun;
    use super::*;

    fn answers() -> String {
        let mut cases = fake::cases();
        cases.cases[5].question = "<script>alert(1)</script>確定申告\u{1}".into();
        let run = run_answers(&cases, &FakeDesk::default(), &AnswerOptions::default());
        answers_page(&run, &Skipped::default(), &[("kb", "kb".to_owned())])
    }

    /// Checks that tags nest, which is what screen readers and printers rely on.
    fn assert_well_formed(html: &str) {
        let mut open: Vec<&str> = Vec::new();
        for part in html.split('<').skip(1) {
            let tag = part.split('>').next().expect("a tag ends");
            let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
            if name.starts_with('!') || name == "meta" || tag.ends_with('/') {
                continue;
            }
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "closing {name}");
            } else {
                open.push(name);
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }

    #[test]
    fn the_report_is_self_contained_escaped_and_the_same_every_time() {
        let html = answers();
        assert_well_formed(&html);
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
        assert!(
            !html.contains("http://") || !html.replace("http://www.w3.org/2000/svg", "").contains("http://")
        );
        assert!(!html.contains("https://") && !html.contains("url("));
        assert_eq!(html, answers());
    }

    #[test]
    fn the_report_has_figures_plots_tables_and_worst_cases() {
        let html = answers();
        for part in [
            "coverage@95",
            "<svg",
            "role=\"img\"",
            "税務",
            "wrong_answer",
            "<caption>",
            "scope=\"row\"",
            "prefers-color-scheme",
            "@media print",
        ] {
            assert!(html.contains(part), "{part}");
        }
        let wrong = html.find("complaint").expect("the missed complaint is shown");
        assert!(wrong < html.find(">hard<").unwrap_or(usize::MAX), "the worst first");
    }

    #[test]
    fn a_comparison_shows_both_traces_side_by_side() {
        let desk = FakeDesk::default();
        let scored = |name: &str, answerer: &dyn super::super::answers::Answerer| {
            let run = run_answers(&fake::cases(), answerer, &AnswerOptions::default());
            let mut value = run.summary();
            value["results"] = run.results_json().into();
            ScoredRun::parse(name, value.to_string().as_bytes()).expect("as written")
        };
        let (a, b) = (scored("a", &desk), scored("b", &ShuffledAnswerer { inner: &desk, seed: 1 }));
        let options = CompareOptions { permutations: 100, ..CompareOptions::default() };
        let html = comparison_page(&compare(&a, &b, &options).expect("shared items"), &a, &b);
        assert_well_formed(&html);
        assert!(html.contains("<th scope=\"row\">候補</th>"));
    }
}
