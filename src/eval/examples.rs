//! The net below the rules, on examples it did not learn: what the desk's own `examples/` say of themselves when each is
//! judged by a net learned from the others. It needs no cases, so curators can see which utterances stand alone.

use serde_json::{Map, Value, json};

use super::figures::{interval_json, rounded};
use super::statistics::{Bootstrap, Confidences, mean, ones};
use crate::answer::intent::Suspicion;
use crate::kb::HandOffReason;

/// An example and what is said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What a customer may write.
    pub text: String,
    /// Why it must reach a person; `None` for an ordinary question.
    pub reason: Option<HandOffReason>,
    /// What a net that did not learn it says.
    pub suspicion: Suspicion,
    /// Whether a rule catches it before the net is asked.
    pub by_rule: bool,
}

impl Judged {
    /// Whether it must reach a person; a question that no entry covers need not, as far as the net is concerned.
    pub fn is_must_hand_off(&self) -> bool {
        self.reason.is_some_and(|reason| reason != HandOffReason::OutOfScope)
    }
}

/// Figures with intervals, for [`super::terminal::summary_text`] and `--json`.
pub fn summary(judged: &[Judged], bootstrap: &Bootstrap) -> Value {
    let must = || judged.iter().filter(|example| example.is_must_hand_off()).count();
    let items = judged
        .iter()
        .map(|example| Some((f64::from(example.suspicion.probability), example.is_must_hand_off())));
    let confidences = Confidences::new(items);
    let columns = columns(judged);
    let figures = |weights: &[u32]| -> Vec<Option<f64>> {
        let means = columns.iter().map(|(_, values)| mean(values, weights));
        std::iter::once(confidences.auroc(weights)).chain(means).collect()
    };
    let names = std::iter::once("auroc").chain(columns.iter().map(|(name, _)| name.as_str()));
    let intervals = bootstrap.intervals(judged.len(), figures);
    let mut summary = Map::new();
    summary.insert("examples".to_owned(), judged.len().into());
    summary.insert("must_hand_off".to_owned(), must().into());
    let mut ranges = Map::new();
    for ((name, value), interval) in names.zip(figures(&ones(judged.len()))).zip(intervals) {
        summary.insert(name.to_owned(), rounded(value));
        ranges.insert(name.to_owned(), interval_json(interval));
    }
    summary.insert("intervals".to_owned(), ranges.into());
    summary.insert("seed".to_owned(), bootstrap.seed.into());
    summary.into()
}

/// Every example, the most surprising first: must reach a person and seems ordinary, or the other way round.
pub fn results(judged: &[Judged]) -> Vec<Value> {
    let surprise = |example: &Judged| {
        let p = example.suspicion.probability;
        if example.is_must_hand_off() { 1.0 - p } else { p }
    };
    let mut order: Vec<&Judged> = judged.iter().collect();
    order.sort_by(|a, b| surprise(b).total_cmp(&surprise(a)));
    let result = |example: &Judged| {
        json!({
            "text": example.text,
            "reason": example.reason.map(HandOffReason::name),
            "probability": rounded(Some(f64::from(example.suspicion.probability))),
            "by_rule": example.by_rule,
        })
    };
    order.into_iter().map(result).collect()
}

/// Shares by name; an item that a share is not about is `None`.
fn columns(judged: &[Judged]) -> Vec<(String, Vec<Option<f64>>)> {
    let share = |name: String, about: &dyn Fn(&Judged) -> bool, holds: &dyn Fn(&Judged) -> bool| {
        let value = |example: &Judged| about(example).then(|| f64::from(u8::from(holds(example))));
        (name, judged.iter().map(value).collect())
    };
    let fires = |example: &Judged| example.suspicion.fires();
    let lingers = |example: &Judged| example.suspicion.lingers();
    let is_other = |example: &Judged| !example.is_must_hand_off();
    let mut columns = vec![
        share("recall".to_owned(), &Judged::is_must_hand_off, &fires),
        share("recall_unsure".to_owned(), &Judged::is_must_hand_off, &lingers),
        share("recall_rules".to_owned(), &Judged::is_must_hand_off, &|example| example.by_rule),
        share("recall_both".to_owned(), &Judged::is_must_hand_off, &|e| e.by_rule || fires(e)),
        share("recall_both_unsure".to_owned(), &Judged::is_must_hand_off, &|e| e.by_rule || lingers(e)),
        share("false".to_owned(), &is_other, &fires),
        share("false_unsure".to_owned(), &is_other, &lingers),
        share("false_rules".to_owned(), &is_other, &|example| example.by_rule),
    ];
    let mut reasons: Vec<HandOffReason> = Vec::new();
    for example in judged.iter().filter(|example| example.is_must_hand_off()) {
        reasons.extend(example.reason.filter(|reason| !reasons.contains(reason)));
    }
    columns.extend(reasons.into_iter().map(|reason| {
        let name = format!("recall_both_unsure:{}", reason.name());
        share(name, &move |example| example.reason == Some(reason), &|e| e.by_rule || lingers(e))
    }));
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(reason: Option<HandOffReason>, probability: f32, by_rule: bool) -> Judged {
        let suspicion = Suspicion { probability, ..Suspicion::NONE };
        Judged { text: format!("{reason:?} {probability}"), reason, suspicion, by_rule }
    }

    #[test]
    fn shares_are_over_what_they_are_about() {
        let all = [
            judged(Some(HandOffReason::Security), 0.9, false),
            judged(Some(HandOffReason::Security), 0.2, false),
            judged(Some(HandOffReason::Advice), 0.0, true),
            judged(Some(HandOffReason::OutOfScope), 0.0, false),
            judged(None, 0.95, false),
            judged(None, 0.01, false),
        ];
        let summary = summary(&all, &Bootstrap { resamples: 50, seed: 1 });
        assert_eq!(summary["must_hand_off"], 3);
        for (name, expected) in [
            ("recall", 1.0 / 3.0),
            ("recall_unsure", 2.0 / 3.0),
            ("recall_both_unsure", 1.0),
            ("false", 1.0 / 3.0),
            ("recall_both_unsure:security", 1.0),
            ("auroc", 4.5 / 9.0),
        ] {
            let value = summary[name].as_f64().unwrap();
            assert!((value - expected).abs() < 1e-5, "{name}: {value}");
        }
        assert_eq!(results(&all)[0]["reason"], "advice");
        assert_eq!(results(&all)[1]["reason"], Value::Null);
    }

    #[test]
    fn no_examples_are_no_figures() {
        let summary = summary(&[], &Bootstrap::default());
        assert_eq!(summary["examples"], 0);
        assert!(summary["auroc"].is_null());
    }
}
