//! The desk's voice: puts what is said in words, from the desk's own wording, with built-in texts where it lacks a key.

use super::{Said, Saying};
use crate::kb::{Language, Wording};

/// The waiting line as the customer is told it, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueLine {
    /// Place in the queue, from 1.
    pub position: u32,
    /// When the desk opens next; `None` = it is open now.
    pub next_open: Option<String>,
    /// Opening hours.
    pub hours: String,
}

/// Speaks one language with one desk's wording.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'a> {
    /// The desk's wording.
    pub wording: &'a Wording,
    /// The conversation's language.
    pub language: Language,
}

impl Voice<'_> {
    /// `saying` in words. `queue` is told with everything that puts the customer in the queue.
    pub fn words(&self, saying: &Saying, queue: &QueueLine) -> String {
        let given = saying.words.clone();
        match &saying.said {
            Said::HandedOff { reason, .. } => {
                let words = given.unwrap_or_else(|| self.text(&format!("handoff.{}", reason.name()), &[]));
                format!("{words}\n\n{}", self.queue(queue))
            }
            Said::Reopened { .. } => {
                format!("{}\n\n{}", self.text("conversation.reopened", &[]), self.queue(queue))
            }
            Said::Joined { agent } => self.text("agent.joined", &[("agent", &agent.name)]),
            Said::Text | Said::Chose { .. } | Said::Answered { .. } | Said::SmallTalk { .. } => {
                given.unwrap_or_default()
            }
            Said::Clarified { .. } => self.text("clarify.ask", &[]),
            Said::NoneFits => self.text("clarify.none", &[]),
            Said::AskedForPerson => self.text("person.request", &[]),
            Said::BackToBot => self.text("agent.returned", &[]),
            Said::LeftQueue => self.text("queue.left", &[]),
            Said::Resolved => self.text("conversation.resolved", &[]),
            Said::Thanked { resolved: true } => self.text("feedback.thanks", &[]),
            Said::Thanked { resolved: false } => self.text("feedback.sorry", &[]),
        }
    }

    fn queue(&self, queue: &QueueLine) -> String {
        let position = queue.position.to_string();
        match &queue.next_open {
            None => self.text("queue.open", &[("position", &position), ("hours", &queue.hours)]),
            Some(next_open) => self.text(
                "queue.closed",
                &[("position", &position), ("next_open", next_open), ("hours", &queue.hours)],
            ),
        }
    }

    /// The desk's text under `key`; the built-in one if the desk has none.
    pub fn text(&self, key: &str, values: &[(&str, &str)]) -> String {
        let own = self.wording.text(key, self.language, values).filter(|text| !text.is_empty());
        own.unwrap_or_else(|| {
            let text = built_in(key, self.language);
            values
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        })
    }
}

/// What the desk says when its wording.toml lacks `key`.
fn built_in(key: &str, language: Language) -> &'static str {
    let (ja, en) = match key {
        "queue.open" => (
            "順番におつなぎします。ただいま{position}番目です。受付時間: {hours}",
            "You are number {position} in the queue. Opening hours: {hours}",
        ),
        "queue.closed" => (
            "ただいま受付時間外です(待ち順 {position}番目)。次の受付は{next_open}からです。受付時間: {hours}",
            "We are closed now (you are number {position} in the queue). We open again {next_open}. Opening hours: {hours}",
        ),
        "queue.left" => (
            "担当者への取り次ぎを取り消しました。ご質問があれば、このままお書きください。",
            "You are no longer waiting for a person. Please go on with your question.",
        ),
        "person.request" => ("担当者と話したい", "I would like to talk to a person"),
        "agent.joined" => (
            "担当者がこれまでのやり取りを確認し、ご案内します。",
            "A member of our staff has read the conversation and will help you.",
        ),
        "agent.returned" => (
            "自動のご案内に戻りました。ほかにご質問があれば、お書きください。",
            "You are back with automatic answers. Please ask if there is anything else.",
        ),
        "conversation.resolved" => (
            "このお問い合わせを解決済みにしました。続きがあれば、このままお書きください。",
            "This conversation is marked as resolved. If there is more, just write again.",
        ),
        "conversation.reopened" => ("お問い合わせを再開しました。", "This conversation is open again."),
        "feedback.thanks" => ("ご評価ありがとうございました。", "Thank you for letting us know."),
        "feedback.sorry" => (
            "お役に立てず申し訳ございません。言い方を変えておたずねいただくか、担当者をお呼びください。",
            "I am sorry that did not help. Please try other words, or ask for a person.",
        ),
        "clarify.ask" => {
            ("お探しのものは、次のどれに近いですか。", "Which of these is closest to your question?")
        }
        "clarify.none" => ("どれでもない", "None of these"),
        "handoff.secret" => (
            "秘密の情報が含まれているようです。どなたにもお伝えにならないでください。担当者におつなぎします。",
            "Your message seems to contain a secret. Never share it with anyone. I am passing you to our staff.",
        ),
        "handoff.security" => (
            "セキュリティの担当者に至急おつなぎします。",
            "I am passing you to our security staff right away.",
        ),
        _ if key.starts_with("handoff.") => {
            ("担当者におつなぎします。", "I am passing you to a member of our staff.")
        }
        _ => ("", ""),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Mode, Speaker};
    use crate::handoff::TicketId;
    use crate::kb::{HandOffReason, Localized};

    fn saying(said: Said, words: Option<&str>) -> Saying {
        let words = words.map(str::to_owned);
        Saying { seq: 1, speaker: Speaker::Bot, said, words, mode: Mode::Waiting, trace: None }
    }

    #[test]
    fn every_hand_off_names_place_in_the_queue_and_hours_in_both_languages() {
        let wording = Wording::default();
        for reason in HandOffReason::ALL {
            for language in [Language::Ja, Language::En] {
                let voice = Voice { wording: &wording, language };
                let queue = QueueLine { position: 3, next_open: None, hours: "9-18".into() };
                let said = Said::HandedOff { ticket: TicketId::from_bits(1), reason };
                let text = voice.words(&saying(said, None), &queue);
                assert!(text.contains('3') && text.contains("9-18") && !text.contains('{'), "{text}");
            }
        }
    }

    #[test]
    fn the_desk_s_own_wording_wins_and_closed_hours_name_the_next_opening() {
        let closed = Localized { ja: "次は{next_open}".into(), en: String::new() };
        let wording = Wording([("queue.closed".to_owned(), closed)].into());
        let queue = QueueLine { position: 1, next_open: Some("明日9:00".into()), hours: "h".into() };
        let said = Said::HandedOff { ticket: TicketId::from_bits(1), reason: HandOffReason::Person };
        let voice = Voice { wording: &wording, language: Language::Ja };
        assert_eq!(
            voice.words(&saying(said.clone(), Some("承りました。")), &queue),
            "承りました。\n\n次は明日9:00"
        );
        let english = Voice { wording: &wording, language: Language::En };
        assert!(english.words(&saying(said, None), &queue).contains("明日9:00"), "an empty text falls back");
    }
}
