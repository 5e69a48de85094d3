//! The engine over the sample desk with the real dictionary and model: what becomes of a customer's words.

use std::path::Path;
use std::sync::OnceLock;

use madoguchi::answer::{Ask, Context, Decision, Engine, Outcome};
use madoguchi::kb::HandOffReason;
use madoguchi::publish::Workshop;
use proptest::prelude::*;

use crate::desk::{TODAY, kb, sample_desk};

/// The sample desk's engine, built once.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let workshop = Workshop::in_memory(models).with_fitted(kb().join("fitted"));
        workshop.engine(sample_desk(), TODAY).unwrap()
    })
}

fn ask(text: &str) -> Outcome {
    engine().answer(&Ask { text, ..Ask::default() })
}

/// Ids the customer gets to see: the answer's, or the candidates'.
fn offered(decision: &Decision) -> Vec<&str> {
    match decision {
        Decision::Answer { entry_id, .. } => vec![entry_id],
        Decision::Clarify { candidates } => candidates.iter().map(|c| c.entry_id.as_str()).collect(),
        Decision::HandOff(_) | Decision::SmallTalk { .. } => Vec::new(),
    }
}

fn category(id: &str) -> &'static str {
    engine().snapshot().entry(id).unwrap().top_category()
}

#[test]
fn the_engine_runs_with_all_its_parts() {
    assert!(!engine().is_degraded());
    assert!(ask("出金手数料はいくらですか").trace.degraded.is_empty());
}

#[track_caller]
fn stays_with_withdrawals(text: &str) {
    let outcome = ask(text);
    let ids = offered(&outcome.decision);
    assert!(!ids.is_empty(), "{text}: {:?}", outcome.decision);
    assert!(ids.iter().all(|id| category(id) == "入出金"), "{text}: {ids:?}");
}

#[test]
fn a_question_on_withdrawals_is_answered_or_asked_back_from_that_category() {
    stays_with_withdrawals("出金できないんだけど");
    stays_with_withdrawals("しゅっきんできない");
}

#[test]
fn half_width_kana_does_not_sound_like_a_complaint() {
    stays_with_withdrawals("ｼｭｯｷﾝできないです。。");
}

#[test]
fn kana_only_and_wrong_conversions_are_read_with_the_desks_own_words() {
    for (text, heard, entry) in [
        ("ﾋｯｺｼﾏｼﾀ ｼﾞｭｳｼｮﾉ ﾅｵｼｶﾀ", "住所", "address-change"),
        ("すてーきんぐの はじめかたを おしえて", "ステーキング", "staking-start"),
        ("罪立ての額を減らしたい", "積立", "tsumitate-change-stop"),
    ] {
        let trace = ask(text).trace;
        assert!(trace.tokens.iter().any(|token| token == heard), "{text}: {:?}", trace.tokens);
        let family = entry.split('-').next().expect("an id has parts");
        assert!(trace.candidates[0].entry_id.starts_with(family), "{text}: {:?}", trace.candidates[0]);
    }
    // Heard, but no entry answers it: no guess, and the person sees what it was taken for.
    let trial = ask("すてーきんぐの むりょう たいけん きかんは");
    assert!(trial.trace.tokens.iter().any(|token| token == "ステーキング"), "{:?}", trial.trace.tokens);
    assert!(!matches!(trial.decision, Decision::Answer { .. }), "{:?}", trial.decision);
    let seen: Vec<&str> = trial.trace.candidates.iter().take(5).map(|c| c.entry_id.as_str()).collect();
    assert!(seen.contains(&"staking-start"), "{seen:?}");
    let must = ask("ﾌｾｲｱｸｾｽｻﾚﾏｼﾀ").decision;
    assert!(
        matches!(&must, Decision::HandOff(hand_off) if hand_off.reason == HandOffReason::Security),
        "{must:?}"
    );
}

#[test]
fn a_new_topic_is_not_drawn_into_the_old_one() {
    let second = after("日本円を出金したい", "二段階認証のスマホを機種変更したいのですが、移行の手順は？");
    assert!(second.trace.candidates[0].entry_id.contains("device"), "{:?}", second.trace.candidates[0]);
    let third = after("日本円を出金したい", "年間取引報告書はどこで見られますか");
    assert!(third.trace.candidates[0].entry_id.starts_with("tax-"), "{:?}", third.trace.candidates[0]);
    assert!(third.trace.completed_with.is_some());
}

#[test]
fn what_must_reach_a_person_does() {
    for (text, reason) in [
        ("昨日不正アクセスで送金されました", HandOffReason::Security),
        ("オペレーターと話したい", HandOffReason::Person),
        ("ビットコインは今買うべきですか？", HandOffReason::Advice),
        ("対応がひどすぎる。責任者を出してください", HandOffReason::Complaint),
    ] {
        match ask(text).decision {
            Decision::HandOff(hand_off) => {
                assert_eq!(hand_off.reason, reason, "{text}");
                assert!(!hand_off.wording.is_empty(), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_the_desk_does_not_know_is_not_answered() {
    for text in ["今夜の献立を考えて", "明日の東京の天気は？", "おすすめの映画を教えて", "三角関数の微分"]
    {
        let decision = ask(text).decision;
        assert!(!matches!(decision, Decision::Answer { .. }), "{text}: {decision:?}");
    }
}

fn after(first: &str, text: &str) -> Outcome {
    let context = ask(first).context;
    engine().answer(&Ask { text, context })
}

#[test]
fn a_follow_up_on_fees_after_withdrawals_finds_their_fee() {
    let second = after("日本円を出金したい", "手数料は？");
    let trace = &second.trace;
    assert_eq!(
        offered(&second.decision)[0],
        "jpy-withdrawal-fee",
        "completed with {:?}, confidence {}, {:?}, best {:?}",
        trace.completed_with,
        trace.confidence,
        trace.band,
        trace.candidates.iter().take(4).map(|c| (&c.entry_id, c.score)).collect::<Vec<_>>()
    );
}

#[test]
fn the_answer_is_in_the_customers_language() {
    let english = ask("How much is the fee to withdraw yen?");
    for id in offered(&english.decision) {
        assert!(id.ends_with(".en"), "{id}");
    }
    assert!(!offered(&english.decision).is_empty(), "{:?}", english.decision);
}

#[test]
fn one_question_gets_one_answer_every_time() {
    for text in ["出金できないんだけど", "手数料", "二段階認証を再設定したい", "ありがとう"]
    {
        let (mut a, mut b) = (ask(text), ask(text));
        (a.trace.micros, b.trace.micros) = (0, 0);
        assert_eq!(a, b);
    }
}

#[test]
fn a_flood_of_text_is_survived() {
    let long = "出金できないんだけど、".repeat(100_000 / 33);
    for text in
        [&*long, &"a".repeat(100_000), &"\0".repeat(1_000), &"\u{FFFD}".repeat(1_000), &"(".repeat(50_000)]
    {
        let outcome = ask(text);
        let unavailable =
            matches!(&outcome.decision, Decision::HandOff(h) if h.reason == HandOffReason::Unavailable);
        assert!(!unavailable, "{:?}", &outcome.decision);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is typed and whatever came before, there is a decision, nobody panics, and what is offered exists.
    #[test]
    fn every_text_gets_a_decision(
        text in "\\PC{0,40}|[ぁ-ゖァ-ヺ一-龠Ａ-Ｚ０-９a-z、。？！ \u{0}\u{FFFD}\u{200D}😀]{0,60}",
        before in proptest::option::of("[ぁ-ゖ一-龠a-z]{0,20}"),
        entry in proptest::option::of("[a-z-]{0,20}"),
    ) {
        let context = Context { last_question: before, last_entry: entry, language: None };
        let outcome = engine().answer(&Ask { text: &text, context });
        if let Decision::HandOff(hand_off) = &outcome.decision {
            prop_assert_ne!(hand_off.reason, HandOffReason::Unavailable);
            prop_assert!(!hand_off.wording.is_empty());
        }
        if let Decision::Clarify { candidates } = &outcome.decision {
            prop_assert!((2..=4).contains(&candidates.len()));
        }
        for id in offered(&outcome.decision) {
            prop_assert!(engine().snapshot().entry(id).is_some());
        }
        let confidence = outcome.trace.confidence;
        prop_assert!((0.0..=1.0).contains(&confidence), "{}", confidence);
    }
}
