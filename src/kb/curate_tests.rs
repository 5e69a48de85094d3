//! Properties of the life cycle, checked over random lives: no path around review, nothing unapproved is served.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_000;

fn who() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["sato", "suzuki", "tanaka"]).prop_map(str::to_owned)
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => who().prop_map(|by| Event::Save { by }),
        1 => Just(Event::Tend),
        3 => Just(Event::Submit),
        4 => who().prop_map(|by| Event::Approve { by }),
        1 => Just(Event::SendBack),
        4 => Just(Event::Publish),
        1 => (0..2_000_i64).prop_map(|at| Event::Schedule { at }),
        1 => Just(Event::Due { now: NOW }),
        1 => Just(Event::Expire),
        1 => Just(Event::Archive),
        1 => who().prop_map(|by| Event::Restore { by }),
        1 => who().prop_map(|by| Event::TakeDown { by }),
        1 => (who(), 0..6_u32).prop_map(|(by, to)| Event::RollBack { by, to }),
    ]
}

/// What a careful clerk with paper would note down: who touched the head since the last publication, and which
/// revisions a second person signed while they lay in review.
#[derive(Default)]
struct Clerk {
    touched: BTreeSet<String>,
    in_review: Option<u32>,
    signed: BTreeSet<u32>,
}

impl Clerk {
    fn note(&mut self, event: &Event, before: &Life, after: &Life, four_eyes: bool) {
        match event {
            Event::Save { by } | Event::RollBack { by, .. } => {
                assert_eq!(after.head, before.head + 1);
                self.touched.insert(by.clone());
                self.in_review = None;
            }
            // The same words under another number: whoever signed the one signed the other.
            Event::Tend => {
                if self.signed.contains(&before.head) {
                    self.signed.insert(after.head);
                }
                self.in_review = self.in_review.map(|_| after.head);
            }
            Event::Restore { by } => drop(self.touched.insert(by.clone())),
            Event::TakeDown { by } => {
                self.touched.insert(by.clone());
                self.forget_live(before);
            }
            Event::Submit => self.in_review = Some(before.head),
            Event::SendBack | Event::Archive => {
                // A signature holds only for the review in which it was given.
                self.in_review = None;
                self.signed.remove(&before.head);
            }
            Event::Approve { by } => {
                assert_eq!(self.in_review, Some(after.head), "approved outside review");
                assert!(!four_eyes || !self.touched.contains(by), "{by} approved their own change");
                self.signed.insert(after.head);
            }
            Event::Publish | Event::Due { .. } => {
                assert_eq!(after.live, Some(after.head));
                assert!(self.signed.contains(&after.head), "published without a signature");
                self.touched.clear();
                self.in_review = None;
            }
            Event::Expire => self.forget_live(before),
            Event::Schedule { .. } => {}
        }
    }

    /// What customers no longer get needs a new signature before they get it again.
    fn forget_live(&mut self, before: &Life) {
        if let Some(live) = before.live {
            self.signed.remove(&live);
        }
    }
}

proptest! {
    #[test]
    fn no_path_leads_around_review(events in prop::collection::vec(event(), 1..60), four_eyes: bool) {
        let (mut life, mut clerk) = (Life::default(), Clerk::default());
        for event in events {
            let Ok(next) = life.step(&event, Rules { four_eyes }) else { continue };
            clerk.note(&event, &life, &next, four_eyes);
            if let Some(live) = next.live {
                prop_assert!(clerk.signed.contains(&live), "revision {live} is served unapproved after {event:?}");
            }
            prop_assert_eq!(next.status == Status::Published, next.live == Some(next.head));
            prop_assert!(next.status != Status::Archived || next.live.is_none());
            prop_assert!(next.publish_at.is_none() || next.approved_by.is_some());
            prop_assert!(next.approved_by.is_none() || next.status == Status::Review);
            life = next;
        }
    }

    #[test]
    fn an_unapproved_revision_is_never_served(events in prop::collection::vec(event(), 1..60)) {
        let mut life = Life::default();
        for event in events {
            let Ok(next) = life.step(&event, Rules::default()) else { continue };
            life = next;
            for number in 1..=life.head {
                let revision = Revision {
                    entry_id: "a".into(), number, content: Entry { status: Status::Published, ..Entry::default() },
                    author: "sato".into(), at: 0, reason: String::new(), origin: Origin::Saved,
                };
                let served = life.entry_of(&revision).is_served_on(jiff::civil::date(2026, 11, 20));
                prop_assert_eq!(served, life.live == Some(number));
            }
        }
    }
}

fn run(events: &[Event]) -> Result<Life, Refusal> {
    events.iter().try_fold(Life::default(), |life, event| life.step(event, Rules::default()))
}

fn save(by: &str) -> Event {
    Event::Save { by: by.into() }
}

fn approve(by: &str) -> Event {
    Event::Approve { by: by.into() }
}

#[test]
fn an_entry_goes_out_after_a_second_person_approved_it() {
    let life = run(&[save("sato"), Event::Submit, approve("suzuki"), Event::Publish]).expect("the usual way");
    assert_eq!((life.status, life.live, life.head), (Status::Published, Some(1), 1));
    assert!(life.changed_by.is_empty());
}

#[test]
fn whoever_took_part_cannot_approve() {
    let taken_part = [save("suzuki"), save("sato"), Event::Submit];
    assert_eq!(run(&[&taken_part[..], &[approve("suzuki")]].concat()), Err(Refusal::OwnChange));
    assert!(run(&[&taken_part[..], &[approve("tanaka")]].concat()).is_ok());
    let alone = Rules { four_eyes: false };
    let life = run(&taken_part).expect("in review");
    assert!(life.step(&approve("sato"), alone).is_ok(), "unless the desk does without");
}

#[test]
fn customers_keep_the_live_revision_while_a_newer_one_is_written() {
    let out = [save("sato"), Event::Submit, approve("suzuki"), Event::Publish];
    let life = run(&[&out[..], &[save("sato"), Event::Submit]].concat()).expect("a second draft");
    assert_eq!((life.status, life.live, life.head, life.has_newer()), (Status::Review, Some(1), 2, true));
    let life = life.step(&Event::TakeDown { by: "suzuki".into() }, Rules::default()).expect("live");
    assert_eq!((life.status, life.live), (Status::Review, None), "the review goes on");
    assert_eq!(
        life.step(&approve("suzuki"), Rules::default()),
        Err(Refusal::OwnChange),
        "who took it down does not put it up alone"
    );
}

#[test]
fn a_change_after_approval_needs_another_one() {
    let life = run(&[save("sato"), Event::Submit, approve("suzuki"), save("sato")]).expect("saved");
    assert_eq!((life.status, life.approved_by.as_deref()), (Status::Draft, None));
    assert_eq!(life.step(&Event::Publish, Rules::default()), Err(Refusal::NotInReview));
    let scheduled = [save("sato"), Event::Submit, approve("suzuki"), Event::Schedule { at: NOW }];
    assert_eq!(run(&[&scheduled[..], &[save("sato")]].concat()), Err(Refusal::Scheduled));
    assert_eq!(run(&[&scheduled[..], &[Event::Due { now: NOW - 1 }]].concat()), Err(Refusal::NotDue));
    assert_eq!(
        run(&[&scheduled[..], &[Event::Due { now: NOW }]].concat()).map(|life| life.live),
        Ok(Some(1))
    );
}

#[test]
fn what_comes_from_files_is_live_if_they_say_so() {
    assert_eq!(Life::imported(Status::Published).live, Some(1));
    assert_eq!(Life::imported(Status::Draft).live, None);
    assert_eq!(Life::imported(Status::Published).reimported(Status::Archived).live, None);
}
