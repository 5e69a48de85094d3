//! An entry as several staff pages show it: its states in words, what may be done with it, what differs between two of its
//! contents. The shapes of `entry_acts.html` and `diff.html`.

use super::dto::time;
use super::entry_dto::FlawDto;
use super::history_dto::side_name;
use super::staff_frame::Readable;
use super::texts::Texts;
use crate::app::{Action, EntryDetail, FieldDiff, LogRecord, VocabularyDetail};
use crate::kb::Status;
use crate::kb::curate::Life;

/// The states an entry is in, as (name, key of its text), the most telling first.
pub(super) fn states_of(life: &Life) -> Vec<(&'static str, &'static str)> {
    let mut states = Vec::new();
    if life.live.is_some() {
        states.push(("published", "state.live"));
    }
    if life.publish_at.is_some() {
        states.push(("scheduled", "state.scheduled"));
    } else if life.has_newer() && life.status == Status::Draft {
        states.push(("newer", "state.newer_draft"));
    } else if life.status == Status::Review && life.approved_by.is_some() {
        states.push(("review", "state.approved"));
    } else if life.status == Status::Review {
        states.push(("review", "state.review"));
    } else if life.status == Status::Draft {
        states.push(("draft", "state.draft"));
    } else if life.status == Status::Archived {
        states.push(("archived", "state.archived"));
    }
    states
}

pub(super) fn heading(question: &str, id: &str) -> String {
    if question.is_empty() { id.to_owned() } else { question.to_owned() }
}

/// An entry with what may be done with it, as `entry_acts.html` shows it.
pub(super) struct EntryView {
    pub(super) id: String,
    /// Where the API takes what is done with it.
    pub(super) path: String,
    pub(super) version: i64,
    pub(super) head: u32,
    pub(super) heading: String,
    pub(super) states: Vec<(&'static str, &'static str)>,
    pub(super) publish_at: Option<String>,
    pub(super) approved_by: Option<String>,
    pub(super) changed_by: String,
    pub(super) flaws: Vec<FlawDto>,
    pub(super) acts: Vec<ActView>,
}

pub(super) struct ActView {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) confirm: &'static str,
    pub(super) asks: bool,
    pub(super) primary: bool,
}

impl EntryView {
    pub(super) fn of(detail: &EntryDetail, readable: &Readable, t: Texts) -> Self {
        let EntryDetail { record, head, flaws, actions, .. } = detail;
        let life = &record.life;
        Self {
            version: record.version,
            heading: heading(&head.content.question, &record.id),
            flaws: flaws.iter().map(|flaw| FlawDto::of(flaw, t)).collect(),
            ..Self::living(&record.id, life, actions, readable)
        }
    }

    /// The vocabulary in the same shape.
    pub(super) fn of_vocabulary(detail: &VocabularyDetail, readable: &Readable, t: Texts) -> Self {
        let VocabularyDetail { record, actions, .. } = detail;
        let mut acts: Vec<ActView> = actions.iter().map(|action| act_view(*action)).collect();
        for act in acts.iter_mut().filter(|act| act.name == Action::Publish.name()) {
            act.confirm = "vocabulary.publish_confirm";
        }
        Self {
            path: "/api/v1/vocabulary".to_owned(),
            version: record.version,
            heading: t.get("vocabulary.title").to_owned(),
            acts,
            ..Self::living("vocabulary", &record.life, actions, readable)
        }
    }

    /// What a life shows.
    fn living(id: &str, life: &Life, actions: &[Action], readable: &Readable) -> Self {
        let names: Vec<String> = life.changed_by.iter().map(|by| readable.who(by)).collect();
        Self {
            head: life.head,
            states: states_of(life),
            publish_at: life.publish_at.map(|at| readable.moment(at)),
            approved_by: life.approved_by.as_deref().map(|by| readable.who(by)),
            changed_by: readable.t.list(&names),
            acts: actions.iter().map(|action| act_view(*action)).collect(),
            ..Self::new(id, "")
        }
    }

    /// An entry that is not stored yet.
    pub(super) fn new(id: &str, heading: &str) -> Self {
        Self {
            id: id.to_owned(),
            path: format!("/api/v1/entries/{id}"),
            version: 0,
            head: 0,
            heading: heading.to_owned(),
            states: Vec::new(),
            publish_at: None,
            approved_by: None,
            changed_by: String::new(),
            flaws: Vec::new(),
            acts: Vec::new(),
        }
    }
}

pub(super) fn act_view(action: Action) -> ActView {
    let (text, confirm, primary) = match action {
        Action::Submit => ("act.submit", "", true),
        Action::Approve => ("act.approve", "", true),
        Action::SendBack => ("act.send_back", "", false),
        Action::Publish => ("act.publish", "act.publish_confirm", true),
        Action::Schedule(_) => ("act.schedule", "", false),
        Action::Archive => ("act.archive", "act.archive_confirm", false),
        Action::Restore => ("act.restore", "", false),
        Action::TakeDown => ("act.take_down", "act.take_down_confirm", false),
    };
    ActView { name: action.name(), text, confirm, asks: !confirm.is_empty(), primary }
}

/// A saved state in a history.
pub(super) struct RevisionView {
    pub(super) number: u32,
    pub(super) live: bool,
    pub(super) at: String,
    pub(super) author: String,
    pub(super) origin: String,
    pub(super) reason: String,
}

/// A line of a log.
pub(super) struct LogView {
    pub(super) iso: String,
    pub(super) at: String,
    pub(super) event: String,
    pub(super) actor: String,
    pub(super) revision: u32,
    pub(super) note: String,
}

impl LogView {
    pub(super) fn of(line: &LogRecord, readable: &Readable) -> Self {
        Self {
            iso: time(line.at),
            at: readable.moment(line.at),
            event: format!("event.{}", line.event),
            actor: readable.who(&line.actor),
            revision: line.revision,
            note: line.note.clone(),
        }
    }
}

/// A field that differs, as `diff.html` shows it.
pub(super) struct FieldView {
    pub(super) label: String,
    pub(super) lines: Vec<LineView>,
}

pub(super) struct LineView {
    pub(super) side: &'static str,
    pub(super) pieces: Vec<(bool, String)>,
}

pub(super) fn field_views(fields: &[FieldDiff], t: Texts) -> Vec<FieldView> {
    let view = |diff: &FieldDiff| {
        let lines = diff.lines.iter();
        let lines = lines.map(|line| LineView { side: side_name(line.side), pieces: line.pieces.clone() });
        let key = format!("field.{}", diff.field);
        FieldView { label: t.find(&key).unwrap_or(diff.field).to_owned(), lines: lines.collect() }
    };
    fields.iter().map(view).collect()
}
