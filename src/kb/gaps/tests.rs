use proptest::prelude::*;

use super::*;

fn meaning(text: &str) -> Meaning {
    Meaning::of(text, None)
}

fn unmet(id: &str, text: &str, at: i64) -> Unmet {
    Unmet { id: id.into(), text: text.into(), signal: Signal::HandedOff, nearest: Some("fee".into()), at }
}

#[test]
fn questions_of_one_meaning_come_together_and_join_what_there_is() {
    let questions = [
        "出金の手数料はいくらですか",
        "ログインできません",
        "出金手数料はいくら?",
        "ログインができない",
        "天気を教えて",
    ];
    let placed = place(&[], &questions.map(meaning));
    assert_eq!(placed, [0, 1, 0, 1, 2].map(Placement::New));
    let existing = vec![vec![meaning("天気は?")], vec![meaning("出金の手数料はいくらですか")]];
    let placed = place(&existing, &[meaning("出金の手数料はいくらでしょうか"), meaning("税金の計算")]);
    assert_eq!(placed, [Placement::Joins(1), Placement::New(0)]);
}

#[test]
fn a_gap_ends_only_by_a_person_and_opens_when_it_is_asked_again() {
    let open = GapState::Open;
    let taken = open.after(GapEvent::Assign("s1".into())).expect("open");
    assert_eq!(taken.after(GapEvent::Dismiss("  ".into())), Err(GapRefusal::NoReason));
    let dismissed = taken.after(GapEvent::Dismiss("対象外".into())).expect("with a reason");
    assert_eq!(dismissed.after(GapEvent::Asked), Ok(dismissed.clone()));
    assert_eq!(dismissed.after(GapEvent::Resolve("fee".into())), Err(GapRefusal::Closed));
    let done = taken.after(GapEvent::Resolve("fee".into())).expect("assigned");
    assert_eq!(done.after(GapEvent::Asked), Ok(GapState::Open));
    assert_eq!(done.after(GapEvent::Reopen), Ok(GapState::Open));
    assert_eq!(open.after(GapEvent::Reopen), Err(GapRefusal::NotClosed));
}

#[test]
fn a_summary_weighs_recency_and_shows_different_wordings() {
    const DAY: i64 = 86_400_000;
    let now = 100 * DAY;
    let questions = [
        unmet("1", "手数料はいくら", now),
        unmet("2", "手数料はいくら?", now - 14 * DAY),
        unmet("3", "出金の手数料はいくらですか", now - 14 * DAY),
    ];
    let meanings = questions.clone().map(|question| meaning(&question.text));
    let summary = summarise(&questions, &meanings, now, 5);
    assert_eq!((summary.count, summary.last_at, summary.first_at), (3, now, now - 14 * DAY));
    assert!((summary.weight - 2.0).abs() < 1e-9);
    assert_eq!(summary.nearest, Some(("fee".to_owned(), 3)));
    assert!(summary.examples.len() >= 2 && summary.examples[0] == "手数料はいくら");
    assert_eq!(summary.signals[&Signal::HandedOff], 3);
}

proptest! {
    #[test]
    fn every_question_is_placed_once_and_the_order_of_calls_is_of_no_account(
        texts in prop::collection::vec("[出入金手数料口座開設?はの]{1,8}", 0..25),
    ) {
        let meanings: Vec<Meaning> = texts.iter().map(|text| meaning(text)).collect();
        let placed = place(&[], &meanings);
        prop_assert_eq!(placed.len(), texts.len());
        prop_assert_eq!(&place(&[], &meanings), &placed);
        let mut next = 0;
        for placement in &placed {
            let Placement::New(number) = placement else { panic!("nothing to join") };
            prop_assert!(*number <= next);
            next = next.max(number + 1);
        }
        for (i, a) in texts.iter().enumerate() {
            for (j, b) in texts.iter().enumerate() {
                if normalize(a) == normalize(b) && !meanings[i].grams.is_empty() {
                    prop_assert_eq!(&placed[i], &placed[j], "{} {}", a, b);
                }
            }
        }
    }

    #[test]
    fn likeness_is_symmetric_and_bounded(a in "\\PC{0,12}", b in "\\PC{0,12}") {
        let (a, b) = (meaning(&a), meaning(&b));
        let alike = likeness(&a, &b);
        prop_assert!((0.0..=1.0).contains(&alike));
        prop_assert_eq!(alike, likeness(&b, &a));
    }
}
