//! The gap board's grouping, measured on the sample desk's labelled questions with the real model.

use std::collections::BTreeMap;
use std::path::Path;

use madoguchi::eval::cases::{Cases, Expected};
use madoguchi::kb::gaps::{Meaning, Placement, TOGETHER, place, place_at};

use crate::engine::engine;

/// Questions of one half with the topic each is about.
fn labelled(split: &str) -> (Vec<String>, Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("eval/cases");
    let mut cases = Cases::read(&path, &|_| true, false).unwrap();
    cases.keep_split(split);
    let wanted = cases
        .cases
        .into_iter()
        .filter(|case| case.expect == Expected::Answer && case.accept.is_empty() && case.turns.is_empty());
    wanted.map(|case| (case.question, case.entries[0].clone())).unzip()
}

/// B³ precision and recall: over all questions, the share of its group that is of its topic, and of its topic that is in
/// its group.
fn b_cubed(groups: &[usize], topics: &[String]) -> (f64, f64) {
    let count = groups.len() as f64;
    let (mut precision, mut recall) = (0.0, 0.0);
    for i in 0..groups.len() {
        let same_group: Vec<usize> = (0..groups.len()).filter(|&j| groups[j] == groups[i]).collect();
        let same_topic = topics.iter().filter(|topic| **topic == topics[i]).count() as f64;
        let both = same_group.iter().filter(|&&j| topics[j] == topics[i]).count() as f64;
        precision += both / same_group.len() as f64 / count;
        recall += both / same_topic / count;
    }
    (precision, recall)
}

fn grouped(placed: Vec<Placement>) -> Vec<usize> {
    placed
        .into_iter()
        .map(|placement| match placement {
            Placement::New(number) => number,
            Placement::Joins(_) => panic!("there is nothing to join"),
        })
        .collect()
}

fn f1((precision, recall): (f64, f64)) -> f64 {
    2.0 * precision * recall / (precision + recall)
}

fn meanings(questions: &[String], with_vectors: bool) -> Vec<Meaning> {
    questions.iter().map(|text| Meaning::of(text, engine().embed(text).filter(|_| with_vectors))).collect()
}

#[test]
fn questions_of_one_topic_are_grouped_and_others_kept_apart() {
    let (questions, topics) = labelled("test");
    for (with_vectors, least) in [(true, 0.55), (false, 0.45)] {
        let figures = b_cubed(&grouped(place(&[], &meanings(&questions, with_vectors))), &topics);
        println!(
            "{} questions, vectors {with_vectors}: B3 {figures:?} F1 {:.3}",
            questions.len(),
            f1(figures)
        );
        assert!(f1(figures) >= least, "vectors {with_vectors}: {figures:?}");
        assert!(figures.0 >= 0.7, "groups must be about one thing: {figures:?}");
    }
}

#[test]
fn the_threshold_is_near_the_best_on_the_fit_half() {
    let (questions, topics) = labelled("fit");
    for with_vectors in [true, false] {
        let meanings = meanings(&questions, with_vectors);
        let sweep: BTreeMap<u32, f64> = (30..=75)
            .step_by(3)
            .map(|percent| {
                let placed = place_at(percent as f32 / 100.0, &[], &meanings);
                (percent, f1(b_cubed(&grouped(placed), &topics)))
            })
            .collect();
        println!("vectors {with_vectors}: {sweep:?}");
        let best = sweep.values().copied().fold(0.0, f64::max);
        let ours = f1(b_cubed(&grouped(place_at(TOGETHER, &[], &meanings)), &topics));
        assert!(ours >= best - 0.03, "vectors {with_vectors}: {ours} at {TOGETHER}, best {best}: {sweep:?}");
    }
}
