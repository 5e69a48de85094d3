//! The life of an entry, as a pure state machine: draft → review → published → archived. It owns who may do what when,
//! and that nothing reaches customers past review. It knows neither roles (the app checks them) nor clock nor store.
//!
//! An entry has a line of [`Revision`]s. The newest is its head; the one customers get is `live`. Both may differ: while
//! a published entry is being rewritten, customers go on getting the live revision.

use serde::{Deserialize, Serialize};

use super::{AnswerClass, Audience, Entry, Language, Status};

/// How a revision came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody wrote it.
    Saved,
    /// It came from the desk's files, which are reviewed where they are kept.
    Imported,
    /// It brings back the content of an earlier revision.
    RolledBack,
}

impl Origin {
    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Saved => "saved",
            Origin::Imported => "imported",
            Origin::RolledBack => "rolled_back",
        }
    }

    /// The origin with this [`Origin::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Origin::Saved, Origin::Imported, Origin::RolledBack].into_iter().find(|origin| origin.name() == name)
    }
}

/// One saved state of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// The entry.
    pub entry_id: String,
    /// 1 for the first.
    pub number: u32,
    /// What it says. `status` and `revision` in it mean nothing: the [`Life`] knows; see [`Life::entry_of`].
    pub content: Entry,
    /// Id of who saved it, or the name of the command that did.
    pub author: String,
    /// When, UTC milliseconds.
    pub at: i64,
    /// Why it was changed, in the author's words.
    pub reason: String,
    /// How it came to be.
    pub origin: Origin,
}

/// Where an entry is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Life {
    /// Number of the newest revision; 0 before the first is saved.
    pub head: u32,
    /// State of the head.
    pub status: Status,
    /// Number of the revision customers get.
    pub live: Option<u32>,
    /// Who approved the head, while it waits in review to be published.
    pub approved_by: Option<String>,
    /// When the approved head goes out, UTC milliseconds.
    pub publish_at: Option<i64>,
    /// Who changed the entry since a revision of it was last published, first to last.
    pub changed_by: Vec<String>,
}

/// What happens to an entry. `by` is the id of who does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new revision is saved.
    Save {
        /// Its author.
        by: String,
    },
    /// A revision is saved that differs only in what customers never notice ([`only_tended`]): it stands where its
    /// predecessor stood, approval included.
    Tend,
    /// A revision with the content of revision `to` is saved.
    RollBack {
        /// Who brings it back.
        by: String,
        /// The earlier revision.
        to: u32,
    },
    /// The draft is handed to a second person.
    Submit,
    /// The head is found right.
    Approve {
        /// Who says so.
        by: String,
    },
    /// The head goes back to its author, from review.
    SendBack,
    /// The approved head goes out now.
    Publish,
    /// The approved head goes out at a set time.
    Schedule {
        /// When, UTC milliseconds.
        at: i64,
    },
    /// Time has come to `now`: what is due goes out.
    Due {
        /// UTC milliseconds.
        now: i64,
    },
    /// Its validity has ended.
    Expire,
    /// It is not needed any more.
    Archive,
    /// It is needed again, as a draft.
    Restore {
        /// Who wants it back.
        by: String,
    },
    /// Customers must not get it from this moment on.
    TakeDown {
        /// Who stops it.
        by: String,
    },
}

impl Event {
    /// Stable name, as in the entry's log.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Save { .. } => "saved",
            Event::Tend => "tended",
            Event::RollBack { .. } => "rolled_back",
            Event::Submit => "submitted",
            Event::Approve { .. } => "approved",
            Event::SendBack => "sent_back",
            Event::Publish | Event::Due { .. } => "published",
            Event::Schedule { .. } => "scheduled",
            Event::Expire => "expired",
            Event::Archive => "archived",
            Event::Restore { .. } => "restored",
            Event::TakeDown { .. } => "taken_down",
        }
    }
}

/// The desk's own rules about curation, from `[curation]` in `desk.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether who changed an entry since it was last published must not approve it.
    #[serde(default = "yes")]
    pub four_eyes: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { four_eyes: true }
    }
}

fn yes() -> bool {
    true
}

/// Why an event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only a draft can be submitted.
    #[error("only a draft can be submitted for review")]
    NotADraft,
    /// It is not in review.
    #[error("the entry is not in review")]
    NotInReview,
    /// Four eyes: the approver took part in the change.
    #[error("you changed this entry yourself; a second person must approve it")]
    OwnChange,
    /// Nobody approved the head.
    #[error("the newest revision is not approved")]
    NotApproved,
    /// A time is set at which it goes out.
    #[error("the entry is scheduled; send it back first")]
    Scheduled,
    /// It is archived.
    #[error("the entry is archived; restore it first")]
    Archived,
    /// It is not archived.
    #[error("the entry is not archived")]
    NotArchived,
    /// Customers do not get it.
    #[error("the entry is not published")]
    NotLive,
    /// There is no such revision to bring back.
    #[error("there is no such revision to go back to")]
    NoSuchRevision,
    /// The time has not come.
    #[error("nothing is due")]
    NotDue,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Refusal; 10] = [
        Refusal::NotADraft,
        Refusal::NotInReview,
        Refusal::OwnChange,
        Refusal::NotApproved,
        Refusal::Scheduled,
        Refusal::Archived,
        Refusal::NotArchived,
        Refusal::NotLive,
        Refusal::NoSuchRevision,
        Refusal::NotDue,
    ];

    /// Stable snake-case code.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::NotADraft => "not_a_draft",
            Refusal::NotInReview => "not_in_review",
            Refusal::OwnChange => "own_change",
            Refusal::NotApproved => "not_approved",
            Refusal::Scheduled => "scheduled",
            Refusal::Archived => "archived",
            Refusal::NotArchived => "not_archived",
            Refusal::NotLive => "not_live",
            Refusal::NoSuchRevision => "no_such_revision",
            Refusal::NotDue => "not_due",
        }
    }
}

impl Life {
    /// The life of an entry whose first revision comes from the desk's files. What they call published is approved:
    /// files are reviewed where they are kept.
    pub fn imported(status: Status) -> Self {
        Self { head: 1, live: (status == Status::Published).then_some(1), status, ..Self::default() }
    }

    /// The same entry after another import put a new revision on top.
    #[must_use]
    pub fn reimported(&self, status: Status) -> Self {
        let head = self.head + 1;
        Self { head, live: (status == Status::Published).then_some(head), status, ..Self::default() }
    }

    /// `revision` as an entry: with its number, and published exactly if customers get it.
    pub fn entry_of(&self, revision: &Revision) -> Entry {
        let status = if self.live == Some(revision.number) {
            Status::Published
        } else if self.head == revision.number {
            self.status
        } else {
            Status::Archived
        };
        Entry { status, revision: revision.number, ..revision.content.clone() }
    }

    /// Whether a newer revision than the live one is being worked on.
    pub fn has_newer(&self) -> bool {
        self.live.is_some_and(|live| live < self.head)
    }

    /// The life after `event`.
    ///
    /// # Errors
    /// Why the event cannot happen now; the life stays as it is.
    pub fn step(&self, event: &Event, rules: Rules) -> Result<Self, Refusal> {
        let mut next = self.clone();
        match event {
            Event::Save { by } => next.change(by)?,
            Event::Tend => {
                if self.status == Status::Archived || self.head == 0 {
                    return Err(Refusal::Archived);
                }
                next.head += 1;
                next.live = if self.live == Some(self.head) { Some(next.head) } else { self.live };
            }
            Event::RollBack { by, to } => {
                if !(1..self.head).contains(to) {
                    return Err(Refusal::NoSuchRevision);
                }
                next.change(by)?;
            }
            Event::Submit if self.status == Status::Draft && self.head > 0 => next.status = Status::Review,
            Event::Submit => return Err(Refusal::NotADraft),
            Event::Approve { by } => {
                self.must_be(Status::Review, Refusal::NotInReview)?;
                if rules.four_eyes && self.changed_by.contains(by) {
                    return Err(Refusal::OwnChange);
                }
                next.approved_by = Some(by.clone());
            }
            Event::SendBack => {
                self.must_be(Status::Review, Refusal::NotInReview)?;
                next.withdraw(Status::Draft);
            }
            Event::Publish => next.go_out()?,
            Event::Schedule { at } => {
                self.must_be_approved()?;
                next.publish_at = Some(*at);
            }
            Event::Due { now } => {
                self.publish_at.filter(|at| at <= now).ok_or(Refusal::NotDue)?;
                next.go_out()?;
            }
            Event::Expire => next.stop(Status::Archived)?,
            Event::Archive if self.status == Status::Archived => return Err(Refusal::Archived),
            Event::Archive => {
                next.withdraw(Status::Archived);
                next.live = None;
            }
            Event::Restore { by } => {
                self.must_be(Status::Archived, Refusal::NotArchived)?;
                next.withdraw(Status::Draft);
                next.note(by);
            }
            Event::TakeDown { by } => {
                next.stop(Status::Draft)?;
                next.note(by);
            }
        }
        Ok(next)
    }

    /// A new head, to be reviewed.
    fn change(&mut self, by: &str) -> Result<(), Refusal> {
        match self.status {
            Status::Archived => return Err(Refusal::Archived),
            Status::Review if self.publish_at.is_some() => return Err(Refusal::Scheduled),
            _ => {}
        }
        self.head += 1;
        self.withdraw(Status::Draft);
        self.note(by);
        Ok(())
    }

    /// The approved head becomes what customers get.
    fn go_out(&mut self) -> Result<(), Refusal> {
        self.must_be_approved()?;
        self.live = Some(self.head);
        self.withdraw(Status::Published);
        self.changed_by.clear();
        Ok(())
    }

    /// Customers get nothing any more; a head that was live becomes `status`, a newer one stays what it is.
    fn stop(&mut self, status: Status) -> Result<(), Refusal> {
        self.live.take().ok_or(Refusal::NotLive)?;
        if self.status == Status::Published {
            self.withdraw(status);
        }
        Ok(())
    }

    /// Changes the head's state, which ends any approval.
    fn withdraw(&mut self, status: Status) {
        self.status = status;
        self.approved_by = None;
        self.publish_at = None;
    }

    fn note(&mut self, by: &str) {
        if !self.changed_by.iter().any(|known| known == by) {
            self.changed_by.push(by.to_owned());
        }
    }

    fn must_be(&self, status: Status, otherwise: Refusal) -> Result<(), Refusal> {
        if self.status == status { Ok(()) } else { Err(otherwise) }
    }

    fn must_be_approved(&self) -> Result<(), Refusal> {
        self.must_be(Status::Review, Refusal::NotInReview)?;
        if self.approved_by.is_some() { Ok(()) } else { Err(Refusal::NotApproved) }
    }
}

/// Whether `after` differs from `before` only in what customers never notice: owner and day of the next review.
pub fn only_tended(before: &Entry, after: &Entry) -> bool {
    let tended = |entry: &Entry| Entry {
        owner: after.owner.clone(),
        review_by: after.review_by,
        status: Status::default(),
        revision: 0,
        ..entry.clone()
    };
    tended(before) == tended(after)
}

/// What lists show of an entry's head.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Category path.
    pub category: Vec<String>,
    /// Language.
    pub language: Language,
    /// Kind of answer.
    pub answer_class: AnswerClass,
    /// Whom it is for.
    pub audience: Audience,
    /// The question.
    pub question: String,
    /// How many phrasings it has.
    pub phrasings: usize,
    /// Who keeps it right.
    pub owner: String,
    /// Last day served.
    pub valid_until: Option<jiff::civil::Date>,
    /// Day of the next review.
    pub review_by: Option<jiff::civil::Date>,
    /// Who saved the head.
    pub author: String,
}

impl Summary {
    /// The summary of `revision`.
    pub fn of(revision: &Revision) -> Self {
        let Revision { content: entry, author, .. } = revision;
        Self {
            category: entry.category.clone(),
            language: entry.language,
            answer_class: entry.answer_class,
            audience: entry.audience,
            question: entry.question.clone(),
            phrasings: entry.phrasings.len(),
            owner: entry.owner.clone(),
            valid_until: entry.valid_until,
            review_by: entry.review_by,
            author: author.clone(),
        }
    }
}

#[cfg(test)]
#[path = "curate_tests.rs"]
mod tests;
