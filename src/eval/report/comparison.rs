//! The page of two runs compared: figures with tests, parts, and the changed items with both Traces side by side.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Section, Table, escape, glossary, number, page, range};
use crate::eval::compare::Comparison;
use crate::eval::scored::ScoredRun;
use crate::eval::terminal::{outcome_text, trace_lines};

/// Changed items shown.
const SHOWN: usize = 100;

/// Figures shown by category, where both runs have them.
const BY_CATEGORY: [&str; 5] = ["top1", "answered_correct", "precision", "wrong_answers", "handoff_recall"];

/// The report of a comparison.
pub fn comparison_page(comparison: &Comparison, a: &ScoredRun, b: &ScoredRun) -> String {
    let lead = format!("A: {}　B: {}　共通の質問 {} 件", a.name, b.name, comparison.shared);
    let sections = [
        Section {
            id: "figures", title: "指標の差", body: note(comparison) + &differences_table(comparison)
        },
        Section { id: "parts", title: "カテゴリ別", body: parts_table(comparison) },
        Section { id: "changed", title: "変わった質問", body: changed(comparison, a, b) },
        Section { id: "settings", title: "設定とハッシュ", body: settings_table(a, b) },
    ];
    page("比較レポート", &lead, &sections)
}

fn note(comparison: &Comparison) -> String {
    let mut html = String::new();
    if !comparison.same_data {
        html.push_str("<p class=\"note\">データが異なるため、共通の質問だけを比べています。</p>\n");
    }
    if comparison.only_a + comparison.only_b > 0 {
        let (only_a, only_b) = (comparison.only_a, comparison.only_b);
        let _ = writeln!(html, "<p class=\"note\">Aだけの質問 {only_a} 件、Bだけの質問 {only_b} 件。</p>");
    }
    html
}

fn differences_table(comparison: &Comparison) -> String {
    let caption = "差は B − A。区間は対応のあるブートストラップ、pは無作為化検定";
    let mut table = Table::new(caption, &["指標", "A", "B", "B − A", "95%区間", "p", "判定"]);
    for difference in &comparison.differences {
        let (a, b) = (difference.a, difference.b);
        let judgement = if difference.p >= 0.05 || a == b {
            ""
        } else if difference.worsening() > 0.0 {
            "悪化"
        } else {
            "改善"
        };
        table.row([
            glossary::label(&difference.name),
            number(Some(a)),
            number(Some(b)),
            format!("{:+.3}", b - a),
            range(difference.interval),
            format!("{:.4}", difference.p),
            judgement.to_owned(),
        ]);
    }
    table.html()
}

fn parts_table(comparison: &Comparison) -> String {
    let labels = BY_CATEGORY.map(|name| format!("{} A → B", glossary::label(name)));
    let header: Vec<&str> =
        ["カテゴリ", "件数"].into_iter().chain(labels.iter().map(String::as_str)).collect();
    let mut table = Table::new("カテゴリごとの値", &header);
    for part in &comparison.parts {
        let value = |name: &str| {
            let found = part.figures.iter().find(|(figure, ..)| figure == name);
            found.map_or("–".to_owned(), |(_, a, b)| format!("{a:.3} → {b:.3}"))
        };
        table.row([part.name.clone(), part.items.to_string()].into_iter().chain(BY_CATEGORY.map(value)));
    }
    let html = table.html();
    if html.is_empty() { "<p>カテゴリはありません。</p>\n".to_owned() } else { html }
}

fn changed(comparison: &Comparison, a: &ScoredRun, b: &ScoredRun) -> String {
    if comparison.changed.is_empty() {
        return "<p>変わった質問はありません。</p>\n".to_owned();
    }
    let total = comparison.changed.len();
    let mut html = format!("<p class=\"note\">{total}件のうち{}件を示します。</p>\n", total.min(SHOWN));
    for &(i, j) in comparison.changed.iter().take(SHOWN) {
        html.push_str(&side_by_side(&a.item(i), &b.item(j)));
    }
    html
}

fn side_by_side(a: &Value, b: &Value) -> String {
    let id = a["id"].as_str().unwrap_or_default();
    let question = a["question"].as_str().unwrap_or(id);
    let class = if b["verdict"] == "right" { "passed" } else { "changed" };
    let mut table = Table::of_text(&format!("{id} の判断と理由"), &["", "A", "B"]);
    table.row([glossary::trace("outcome").to_owned(), outcome_text(a), outcome_text(b)]);
    let (left, right) = (trace_lines(a), trace_lines(b));
    let line = |lines: &[(&str, String)], name: &str| {
        lines.iter().find(|(key, _)| *key == name).map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let mut names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
    names.extend(
        right.iter().map(|(name, _)| *name).filter(|name| !left.iter().any(|(known, _)| known == name)),
    );
    for name in names {
        table.row([glossary::trace(name).to_owned(), line(&left, name), line(&right, name)]);
    }
    format!("<article class=\"{class}\">\n<h3>{}</h3>\n{}</article>\n", escape(question), table.html())
}

fn settings_table(a: &ScoredRun, b: &ScoredRun) -> String {
    let mut table = Table::of_text("それぞれの設定", &["項目", "A", "B"]);
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    for key in ["data", "system", "seed", "depth", "skipped"] {
        let row = [text(a.summary.get(key)), text(b.summary.get(key))];
        if row.iter().any(|cell| !cell.is_empty()) {
            table.row([key.to_owned()].into_iter().chain(row));
        }
    }
    let fingerprint =
        |run: &ScoredRun, name: &str| text(run.summary.get("fingerprint").and_then(|all| all.get(name)));
    let mut names: Vec<String> = [a, b]
        .iter()
        .flat_map(|run| run.summary.get("fingerprint").and_then(Value::as_object).into_iter().flatten())
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        table.row([name.clone(), fingerprint(a, &name), fingerprint(b, &name)]);
    }
    table.html()
}
