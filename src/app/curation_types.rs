//! What the curation use cases take and give back. No behaviour beyond conversions.

use std::sync::Arc;

use jiff::civil::Date;

use crate::kb::curate::Revision;
use crate::kb::flaws::Flaw;
use crate::kb::{Entry, Language, Status};
use crate::store::{DraftRecord, EntryRecord, LogRecord, Usage};

/// An entry with everything its editor needs.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryDetail {
    /// Where it is in its life.
    pub record: EntryRecord,
    /// The newest revision.
    pub head: Revision,
    /// What customers get, where that is an older revision.
    pub live: Option<Revision>,
    /// What is wrong with the head; all of it must be put right before review.
    pub flaws: Vec<Flaw>,
    /// What the asking member of staff may do with it now.
    pub actions: Vec<Action>,
    /// What they were typing, kept by autosave.
    pub draft: Option<DraftRecord>,
    /// Whether customers get what is published.
    pub is_served: bool,
}

/// An entry to save.
#[derive(Debug, Clone)]
pub struct SaveEntry {
    /// The version it was loaded with; 0 = it is new.
    pub version: i64,
    /// What it should say. Its id names it; `status` and `revision` are ignored.
    pub content: Entry,
    /// Why it is changed.
    pub reason: String,
    /// Id in the system it comes from; `None` leaves it as it is.
    pub external_id: Option<String>,
}

/// What can be done with an entry besides saving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Hand the draft to a second person.
    Submit,
    /// Find it right.
    Approve,
    /// Give it back to its author.
    SendBack,
    /// Let the approved revision out now.
    Publish,
    /// Let the approved revision out at this time, UTC milliseconds.
    Schedule(i64),
    /// Put it away.
    Archive,
    /// Take it out again, as a draft.
    Restore,
    /// Stop serving it at once.
    TakeDown,
}

impl Action {
    /// Stable name, as in the API's paths.
    pub fn name(self) -> &'static str {
        match self {
            Action::Submit => "submit",
            Action::Approve => "approve",
            Action::SendBack => "send-back",
            Action::Publish => "publish",
            Action::Schedule(_) => "schedule",
            Action::Archive => "archive",
            Action::Restore => "restore",
            Action::TakeDown => "take-down",
        }
    }
}

/// What to do with many entries at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkAction {
    /// The same to each.
    Act(Action),
    /// Set who keeps them right.
    SetOwner(String),
    /// Set the day of their next review; `None` = none.
    SetReviewBy(Option<Date>),
}

/// Which entries to list, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Words to search for, through the engine itself for what is published.
    pub query: String,
    /// Only below this category: its levels joined by `/`.
    pub category: Option<String>,
    /// Only in this state.
    pub state: Option<EntryState>,
    /// Only in this language.
    pub language: Option<Language>,
    /// Only of this owner.
    pub owner: Option<String>,
    /// Only those whose review is due.
    pub review_due: bool,
    /// Only published ones that answered nobody lately.
    pub never_asked: bool,
    /// Only those that customers found unhelpful more often than not.
    pub low_satisfaction: bool,
    /// Order; `None` = by relevance when searching, else the last changed first.
    pub sort: Option<SortBy>,
    /// Whether the order is turned round.
    pub reversed: bool,
    /// Page from 1.
    pub page: usize,
    /// Entries a page, at most 200; 0 = 50.
    pub per_page: usize,
}

/// States that lists tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// The head has this status.
    Head(Status),
    /// Customers get it.
    Live,
    /// Customers get it and something newer is being worked on.
    Newer,
    /// A time is set at which it goes out.
    Scheduled,
}

impl EntryState {
    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            EntryState::Head(status) => status.name(),
            EntryState::Live => "live",
            EntryState::Newer => "newer",
            EntryState::Scheduled => "scheduled",
        }
    }

    /// The state with this [`EntryState::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        let others = [EntryState::Live, EntryState::Newer, EntryState::Scheduled];
        Status::ALL.map(EntryState::Head).into_iter().chain(others).find(|state| state.name() == name)
    }
}

/// What lists can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// Last changed first.
    Changed,
    /// By category, then question.
    Category,
    /// By question.
    Question,
    /// Review due soonest first.
    Review,
    /// Most answered first.
    Answered,
    /// Least helpful first.
    Satisfaction,
}

impl SortBy {
    /// All orders.
    pub const ALL: [SortBy; 6] = [
        SortBy::Changed,
        SortBy::Category,
        SortBy::Question,
        SortBy::Review,
        SortBy::Answered,
        SortBy::Satisfaction,
    ];

    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            SortBy::Changed => "changed",
            SortBy::Category => "category",
            SortBy::Question => "question",
            SortBy::Review => "review",
            SortBy::Answered => "answered",
            SortBy::Satisfaction => "satisfaction",
        }
    }

    /// The order with this [`SortBy::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

/// An entry in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedEntry {
    /// The entry.
    pub record: Arc<EntryRecord>,
    /// How it did with customers in the last 90 days.
    pub usage: Usage,
    /// Whether its review is due.
    pub review_due: bool,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<ListedEntry>,
    /// How many match in all.
    pub total: usize,
    /// This page, from 1.
    pub page: usize,
    /// How many pages there are, at least 1.
    pub pages: usize,
    /// How many entries of the whole desk are in each state.
    pub counts: Vec<(EntryState, usize)>,
    /// Top categories and their paths over the whole desk, sorted, levels joined by `/`.
    pub categories: Vec<String>,
    /// Owners over the whole desk, sorted.
    pub owners: Vec<String>,
}

/// An entry's past.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryHistory {
    /// Where it is in its life.
    pub record: EntryRecord,
    /// All revisions, newest first.
    pub revisions: Vec<Revision>,
    /// Everything that happened, newest first.
    pub log: Vec<LogRecord>,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// Whether the line is in both, only in the older or only in the newer text.
    pub side: Side,
    /// Pieces of the line; those that differ within it are marked.
    pub pieces: Vec<(bool, String)>,
}

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In both.
    Both,
    /// Only in the older.
    Older,
    /// Only in the newer.
    Newer,
}
