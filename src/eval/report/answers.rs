//! The page of one run over cases: figures, confidence, parts, the worst cases with their Traces, settings and hashes.

use std::fmt::Write as _;

use serde_json::Value;

use super::glossary::{self, GLOSSARY};
use super::{Section, Table, escape, number, page, plots, range};
use crate::eval::answers::AnswerRun;
use crate::eval::cases::Expected;
use crate::eval::figures::{self, Figure};
use crate::eval::rows::Skipped;
use crate::eval::statistics::{Interval, ones, wilson};
use crate::eval::terminal::trace_lines;
use crate::eval::verdict::{CaseResult, Verdict};
use crate::kb::HandOffReason;

/// Figures shown large.
const HEADLINE: [&str; 8] = [
    "top1",
    "answered_correct",
    "precision",
    "wrong_answer_rate",
    "handoff_recall",
    "false_handoff",
    "coverage@95",
    "auroc",
];

/// Worst cases shown.
const WORST: usize = 30;

/// Skipped rows shown.
const SKIPPED: usize = 50;

/// The report of a run; `settings` are shown as they are.
pub fn answers_page(run: &AnswerRun, skipped: &Skipped, settings: &[(&str, String)]) -> String {
    let table = run.table();
    let figures = table.figures(&run.options.bootstrap);
    let weights = ones(table.len());
    let lead = format!(
        "{}件の質問。数値の右は95%信頼区間（ブートストラップ{}回、seed {}）。",
        run.results.len(),
        run.options.bootstrap.resamples,
        run.options.bootstrap.seed
    );
    let confidence = format!(
        "<div class=\"plots\">\n{}{}</div>\n{}",
        plots::risk_coverage(&table.confidences),
        plots::reliability(&table.confidences.bins(&weights)),
        bins_table(&table, &weights)
    );
    let sections = [
        Section {
            id: "figures", title: "主要な指標", body: headline(&figures) + &figures_table(&figures)
        },
        Section {
            id: "decisions",
            title: "判断の内訳",
            body: confusion_table(run) + &reasons_table(&figures, run),
        },
        Section { id: "confidence", title: "確信度", body: confidence },
        Section { id: "parts", title: "カテゴリとタグ", body: parts_tables(run) },
        Section { id: "worst", title: "要確認の事例", body: worst_cases(run) },
        Section {
            id: "settings",
            title: "設定とハッシュ",
            body: settings_table(run, settings) + &skipped_table(skipped),
        },
    ];
    page("回答品質レポート", &lead, &sections)
}

fn find<'a>(figures: &'a [Figure], name: &str) -> Option<&'a Figure> {
    figures.iter().find(|figure| figure.name == name)
}

fn headline(figures: &[Figure]) -> String {
    let mut html = "<ul class=\"headline\">\n".to_owned();
    for figure in HEADLINE.iter().filter_map(|name| find(figures, name)) {
        let _ = writeln!(
            html,
            "<li><span class=\"name\">{}</span><span class=\"value\">{}</span>\
             <span class=\"range\">{}　{}件</span></li>",
            escape(&glossary::label(&figure.name)),
            number(figure.value),
            range(figure.interval),
            figure.items
        );
    }
    html + "</ul>\n"
}

fn figures_table(figures: &[Figure]) -> String {
    let mut table = Table::of_text("すべての指標", &["指標", "値", "95%区間", "件数", "名前", "意味"]);
    for (name, label, meaning) in GLOSSARY {
        if let Some(figure) = find(figures, name) {
            table.row([
                label.into(),
                number(figure.value),
                range(figure.interval),
                figure.items.to_string(),
                name.into(),
                meaning.into(),
            ]);
        }
    }
    table.html()
}

fn confusion_table(run: &AnswerRun) -> String {
    let names: Vec<&str> = Expected::ALL.iter().map(|expected| glossary::decision(expected.name())).collect();
    let header: Vec<&str> = ["期待＼実際"].into_iter().chain(names).collect();
    let mut table = Table::new("期待した動作（行）と実際の判断（列）の件数", &header);
    let confusion = run.confusion();
    for expected in Expected::ALL {
        let made = Expected::ALL.map(|made| confusion[expected.name()][made.name()].to_string());
        table.row([glossary::decision(expected.name()).to_owned()].into_iter().chain(made));
    }
    table.html()
}

fn reasons_table(figures: &[Figure], run: &AnswerRun) -> String {
    let mut table = Table::new(
        "有人へ渡す理由ごとの再現率と不要な引き継ぎ",
        &["理由", "件数", "再現率", "95%区間 (Wilson)", "不要な引き継ぎ"],
    );
    for reason in HandOffReason::ALL {
        let expected = run.results.iter().filter(|result| result.case.reason == Some(reason)).count();
        let recall = find(figures, &format!("handoff_recall:{}", reason.name()));
        let false_ones =
            find(figures, &format!("false_handoff:{}", reason.name())).and_then(|figure| figure.value);
        if expected == 0 && false_ones.unwrap_or(0.0) == 0.0 {
            continue;
        }
        table.row([
            glossary::reason(reason.name()).to_owned(),
            expected.to_string(),
            number(recall.and_then(|figure| figure.value)),
            range(recall.and_then(rate_interval)),
            number(false_ones),
        ]);
    }
    table.html()
}

/// The interval of a rate over few cases: the bootstrap of four hits in four would have no width at all.
fn rate_interval(figure: &Figure) -> Option<Interval> {
    let hits = (figure.value? * figure.items as f64).round() as u64;
    wilson(hits, figure.items as u64)
}

fn bins_table(table: &figures::Table, weights: &[u32]) -> String {
    let mut rows = Table::new(
        "信頼度曲線の値（等幅10区間）",
        &["確信度の区間", "件数", "平均の確信度", "正解率", "95%区間 (Wilson)"],
    );
    for (bin, from) in table.confidences.bins(weights).into_iter().zip(0u8..) {
        if bin.count > 0 {
            rows.row([
                format!("{:.1} – {:.1}", f64::from(from) / 10.0, f64::from(from + 1) / 10.0),
                bin.count.to_string(),
                number(Some(bin.confidence)),
                number(Some(bin.accuracy)),
                range(bin.interval()),
            ]);
        }
    }
    rows.html()
}

fn parts_tables(run: &AnswerRun) -> String {
    const SHOWN: [&str; 6] =
        ["top1", "answered_correct", "precision", "wrong_answers", "handoff_recall", "false_handoff"];
    let labels = SHOWN.map(glossary::label);
    let summary = run.summary();
    let part = |caption: &str, key: &str, first: &str| {
        let header: Vec<&str> =
            [first, "件数"].into_iter().chain(labels.iter().map(String::as_str)).collect();
        let mut table = Table::new(caption, &header);
        for (name, figures) in summary[key].as_object().into_iter().flatten() {
            let values = SHOWN.map(|shown| number(figures[shown].as_f64()));
            table.row([name.clone(), figures["cases"].to_string()].into_iter().chain(values));
        }
        table.html()
    };
    part("カテゴリ別", "by_category", "カテゴリ") + &part("タグ別", "by_tag", "タグ")
}

/// How bad a verdict is, the worst first; `None` for what needs no look.
fn severity(verdict: Verdict) -> Option<u8> {
    match verdict {
        Verdict::Missed => Some(0),
        Verdict::WrongAnswer => Some(1),
        Verdict::Misread => Some(2),
        Verdict::ClarifyMiss => Some(3),
        Verdict::Passed => Some(4),
        Verdict::Right | Verdict::ClarifyHit => None,
    }
}

fn worst_cases(run: &AnswerRun) -> String {
    let table = run.results_json();
    let mut worst: Vec<(u8, &CaseResult, &Value)> = run
        .results
        .iter()
        .zip(&table)
        .filter_map(|(result, json)| {
            // An answer to what must reach a person is the worst there is.
            let missed = result.case.is_must_hand_off() && result.verdict == Verdict::WrongAnswer;
            Some((if missed { 0 } else { severity(result.verdict)? }, result, json))
        })
        .collect();
    worst.sort_by(|a, b| {
        let confidence = |result: &CaseResult| result.outcome.trace.confidence;
        a.0.cmp(&b.0).then_with(|| confidence(b.1).total_cmp(&confidence(a.1)))
    });
    if worst.is_empty() {
        return "<p>要確認の事例はありません。</p>\n".to_owned();
    }
    let mut html = format!(
        "<p class=\"note\">{}件のうち、重いものから確信度の高い順に{}件。</p>\n",
        worst.len(),
        worst.len().min(WORST)
    );
    for (_, result, json) in worst.into_iter().take(WORST) {
        html.push_str(&case_article(result, json));
    }
    html
}

fn case_article(result: &CaseResult, json: &Value) -> String {
    let case = &result.case;
    let verdict = result.verdict.name();
    let mut html = format!(
        "<article class=\"{verdict}\" aria-label=\"{id}\">\n<h3>{question}</h3>\n\
         <p class=\"note\"><code>{id}</code> {verdict_text} (<code>{verdict}</code>)</p>\n<dl>\n",
        id = escape(&case.id),
        question = escape(&case.question),
        verdict_text = escape(glossary::verdict(verdict)),
    );
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(text));
        }
    };
    line("前の発話", &case.turns.join(" / "));
    let reason = case.reason.map_or("", |reason| glossary::reason(reason.name()));
    let expected = [glossary::decision(case.expect.name()), reason, &case.entries.join(", ")].join(" ");
    line("期待", expected.trim());
    line("許容", &case.accept.join(", "));
    let made = result
        .handed_off()
        .map(|reason| glossary::reason(reason.name()))
        .or(result.answered())
        .unwrap_or_default();
    line("実際", format!("{} {made}", glossary::decision(result.outcome.decision.name())).trim());
    line("正規化", &result.outcome.trace.normalized);
    for (name, text) in trace_lines(json) {
        line(glossary::trace(name), &text);
    }
    html + "</dl>\n</article>\n"
}

fn settings_table(run: &AnswerRun, settings: &[(&str, String)]) -> String {
    let mut table = Table::of_text("この結果を再現するのに要るもの", &["項目", "値"]);
    for (name, value) in settings.iter().filter(|(_, value)| !value.is_empty()) {
        table.row([(*name).to_owned(), value.clone()]);
    }
    table.row(["data (SHA-256)".to_owned(), run.data_hash.clone()]);
    for (name, value) in &run.fingerprint {
        table.row([name.clone(), value.clone()]);
    }
    table.row(["seed".to_owned(), run.options.bootstrap.seed.to_string()]);
    table.row(["resamples".to_owned(), run.options.bootstrap.resamples.to_string()]);
    table.html()
}

fn skipped_table(skipped: &Skipped) -> String {
    if skipped.count() == 0 {
        return "<p>使えなかった行はありません。</p>\n".to_owned();
    }
    let caption = format!("使えなかった行（{}件）", skipped.count());
    let mut table = Table::of_text(&caption, &["場所", "理由"]);
    for error in skipped.first().iter().take(SKIPPED) {
        table.row([format!("{}:{}", error.file.display(), error.row), error.reason.clone()]);
    }
    table.html()
}
