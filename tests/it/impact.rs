//! The preview before publishing, with the real engine over the sample desk.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use madoguchi::answer::{Ask, Decision, Engine};
use madoguchi::eval::cases::Cases;
use madoguchi::eval::replay::StoredQuestion;
use madoguchi::impact::{BUDGET, CollisionKind, Direction, Impact, Question, assess};
use madoguchi::kb::Entry;
use madoguchi::publish::Workshop;

use crate::desk::{TODAY, kb, sample_desk};
use crate::engine::engine;

fn changed(change: impl Fn(&mut Vec<Entry>)) -> Engine {
    let mut desk = sample_desk();
    change(&mut desk.entries);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    Workshop::in_memory(models).with_fitted(kb().join("fitted")).engine(desk, TODAY).unwrap()
}

fn cases() -> Cases {
    Cases::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("eval/cases"), &|_| true, false).unwrap()
}

fn compare(after: &Engine, ids: &[&str], questions: &[StoredQuestion]) -> Impact {
    let changed: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let cases = cases();
    let question =
        Question { before: engine(), after, changed: &changed, cases: &cases.cases[..500], questions };
    let (asked, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begun = Instant::now();
    let impact = assess(&question, &|_, all| {
        asked.fetch_add(1, Ordering::Relaxed);
        total.store(all, Ordering::Relaxed);
    });
    println!("{} questions in {:?}", total.load(Ordering::Relaxed), begun.elapsed());
    assert_eq!(asked.into_inner(), total.into_inner(), "progress ends at its total");
    impact
}

#[test]
fn publishing_nothing_changes_nothing() {
    let impact = compare(engine(), &[], &[]);
    assert_eq!((impact.cases, impact.changed_cases.len(), impact.collisions.len()), (500, 0, 0));
    assert!(!impact.is_blocked());
    assert!(impact.figures.iter().all(|figure| figure.before == figure.after && figure.before.is_some()));
    assert_eq!(impact.figures.len(), BUDGET.len());
}

#[test]
fn an_entry_that_takes_over_anothers_phrasings_is_seen_and_blocked() {
    let cases = cases();
    let asked: Vec<&str> = cases.cases.iter().take(500).map(|case| case.question.as_str()).collect();
    let after = changed(|entries| {
        entries.push(Entry {
            id: "greedy".into(),
            category: vec!["その他".into()],
            status: madoguchi::kb::Status::Published,
            question: "なんでもお答えします".into(),
            phrasings: asked.iter().take(90).map(|text| (*text).to_owned()).collect(),
            answer: "お問い合わせください。".into(),
            revision: 1,
            ..Entry::default()
        });
    });
    let is_answered = |text: &&str| {
        let decision = engine().answer(&Ask { text, ..Ask::default() }).decision;
        matches!(decision, Decision::Answer { .. })
    };
    let answered = asked.iter().take(90).copied().filter(is_answered).enumerate();
    let stored = |(i, text): (usize, &str)| StoredQuestion {
        id: format!("q{i}"),
        turns: Vec::new(),
        question: text.to_owned(),
        made: None,
    };
    let stored: Vec<StoredQuestion> = answered.map(stored).collect();
    let impact = compare(&after, &["greedy"], &stored);
    assert!(impact.is_blocked(), "{:?}", impact.figures);
    assert_eq!(impact.changed_cases[0].direction, Direction::Worse);
    assert!(impact.changed_cases.iter().any(|change| change.after.entry.as_deref() == Some("greedy")));
    assert!(impact.changed_questions.iter().any(|change| change.after.entry.as_deref() == Some("greedy")));
}

#[test]
fn a_phrasing_for_which_two_entries_compete_is_named() {
    let victim = engine().snapshot().entry("jpy-withdrawal-fee").unwrap().clone();
    let after = changed(|entries| {
        entries.push(Entry {
            id: "copycat".into(),
            phrasings: victim.phrasings.clone(),
            question: "出金の手数料".into(),
            translation_of: None,
            ..victim.clone()
        });
    });
    let impact = compare(&after, &["copycat"], &[]);
    let collision = impact.collisions.iter().find(|collision| {
        [collision.entry.as_str(), collision.rival.as_str()].contains(&"copycat") && collision.is_new
    });
    let collision = collision.unwrap_or_else(|| panic!("{:?}", impact.collisions));
    assert!(matches!(collision.kind, CollisionKind::Taken | CollisionKind::Contested));
}
