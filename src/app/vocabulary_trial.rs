//! What another vocabulary would do, before it is saved: how texts are read now and then, what is doubtful about it, and
//! the preview of the cases it moves. Nothing is kept.

use std::sync::Arc;

use super::curation::must;
use super::vocabulary::{preview_of_vocabulary, tidy_rows, tidy_vocabulary};
use super::{App, AppError, PreviewState, Publisher, Staff};
use crate::kb::checks::{Reader, VocabularyFinding, check_vocabulary};
use crate::store::Role;
use crate::text::{Analyzer, Tokenised, Vocabulary, side_by_side};

/// Most texts somebody may type at once.
const TYPED: usize = 50;
/// Most differing texts that are given back.
const SHOWN: usize = 100;
/// Most questions and phrasings that say how frequent a word is.
const COUNTED: usize = 5_000;

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleOf {
    /// The member of staff typed it.
    Typed,
    /// A case.
    Case,
    /// A customer asked it of late, masked.
    Question,
}

impl SampleOf {
    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            SampleOf::Typed => "typed",
            SampleOf::Case => "case",
            SampleOf::Question => "question",
        }
    }
}

/// A text as it is read now and would be then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The text.
    pub text: String,
    /// Where it comes from.
    pub of: SampleOf,
    /// As customers' questions are read now.
    pub now: Tokenised,
    /// As they would be.
    pub then: Tokenised,
}

/// Texts as they are read now and would be then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Samples {
    /// What was typed, all of it; of the others those that differ, at most 100.
    pub texts: Vec<Sample>,
    /// How many cases and questions were looked at.
    pub looked_at: usize,
    /// How many of those differ.
    pub differ: usize,
}

impl App {
    /// How texts are read by what customers are served with, and would be by `vocabulary`; with `sampled`, also the
    /// desk's cases and its recent questions.
    ///
    /// # Errors
    /// `Forbidden`, `TooLong`, `Invalid` (too many texts, or a vocabulary no analyzer takes), `NotServed`, `Unavailable`.
    pub async fn read_texts(
        &self,
        staff: &Staff,
        vocabulary: Option<Vocabulary>,
        typed: &[String],
        sampled: bool,
    ) -> Result<Samples, AppError> {
        must(staff, Role::Editor)?;
        if typed.len() > TYPED {
            let why = format!("at most {TYPED} texts at once");
            return Err(AppError::Invalid { field: "texts", why });
        }
        let mut texts: Vec<(String, SampleOf)> = Vec::new();
        for text in typed.iter().filter(|text| !text.trim().is_empty()) {
            texts.push((super::question::clean(text, self.limits.message_chars)?, SampleOf::Typed));
        }
        if sampled {
            let cases = self.cases().await?.into_iter().map(|case| (case.question, SampleOf::Case));
            let questions = self.recent_questions().await?.into_iter();
            texts.extend(cases.chain(questions.map(|asked| (asked.question, SampleOf::Question))));
        }
        let publisher = self.reader_maker()?;
        let served = self.served_vocabulary().await?;
        let wanted = vocabulary.map_or_else(|| served.clone(), tidy_vocabulary);
        aside(move || {
            let now = analyzer(publisher.as_ref(), &served)?;
            let then = analyzer(publisher.as_ref(), &wanted)?;
            Ok(compared(texts, &now, &then))
        })
        .await
    }

    /// Everything doubtful about `vocabulary`, the gravest first.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (a vocabulary no analyzer takes), `NotServed`, `Unavailable`.
    pub async fn check_vocabulary(
        &self,
        staff: &Staff,
        vocabulary: Vocabulary,
    ) -> Result<Vec<VocabularyFinding>, AppError> {
        must(staff, Role::Editor)?;
        let publisher = self.reader_maker()?;
        let served = self.served_vocabulary().await?;
        let snapshot = self.snapshot();
        let vocabulary = tidy_rows(vocabulary);
        aside(move || {
            let plain = analyzer(publisher.as_ref(), &Vocabulary::default())?;
            let with = analyzer(publisher.as_ref(), &vocabulary)?;
            let texts = snapshot
                .entries
                .iter()
                .flat_map(|entry| std::iter::once(&entry.question).chain(&entry.phrasings))
                .take(COUNTED)
                .cloned()
                .collect::<Vec<String>>();
            let reader = Reader { plain: &plain, with: &with, texts: &texts };
            Ok(check_vocabulary(&vocabulary, &served, &reader))
        })
        .await
    }

    /// The preview of serving `vocabulary`; starts it if there is none.
    ///
    /// # Errors
    /// `Forbidden`, `NotServed` (this desk builds nothing), `Unavailable`.
    pub async fn preview_vocabulary(
        self: &Arc<Self>,
        staff: &Staff,
        vocabulary: Vocabulary,
    ) -> Result<PreviewState, AppError> {
        must(staff, Role::Editor)?;
        let vocabulary = tidy_vocabulary(vocabulary);
        let id = preview_of_vocabulary(&vocabulary);
        if let Some(known) = self.known_preview(&id).await? {
            return Ok(known);
        }
        let mut contents = self.desk_contents().await?;
        contents.desk.vocabulary = vocabulary;
        self.start_preview(id, contents, Vec::new()).await
    }

    /// The preview of serving the newest revision, as it is saved.
    ///
    /// # Errors
    /// As [`App::preview_vocabulary`].
    pub async fn preview_newest_vocabulary(
        self: &Arc<Self>,
        staff: &Staff,
    ) -> Result<PreviewState, AppError> {
        let newest = self.vocabulary(staff).await?.head.texts.vocabulary();
        self.preview_vocabulary(staff, newest).await
    }

    async fn served_vocabulary(&self) -> Result<Vocabulary, AppError> {
        Ok(crate::kb::files::VocabularyTexts::of(&self.documents().await?).vocabulary())
    }

    fn reader_maker(&self) -> Result<Arc<dyn Publisher>, AppError> {
        let publisher = self.publishing.publisher.clone();
        publisher.ok_or_else(|| AppError::NotServed("this desk publishes nothing".into()))
    }
}

/// CPU-bound work beside what is served.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(AppError::NotServed("the look broke off".to_owned())))
}

fn analyzer(publisher: &dyn Publisher, vocabulary: &Vocabulary) -> Result<Arc<Analyzer>, AppError> {
    let made = publisher.analyzer(vocabulary);
    made.map_err(|error| AppError::Invalid { field: "vocabulary", why: format!("{error:#}") })
}

fn compared(texts: Vec<(String, SampleOf)>, now: &Analyzer, then: &Analyzer) -> Samples {
    let mut samples = Samples::default();
    for (text, of) in texts {
        let [before, after] = side_by_side(&now.analyze(&text), &then.analyze(&text));
        let differs = before.differs() || after.differs();
        if of != SampleOf::Typed {
            samples.looked_at += 1;
            samples.differ += usize::from(differs);
            if !differs || samples.differ > SHOWN {
                continue;
            }
        }
        samples.texts.push(Sample { text, of, now: before, then: after });
    }
    samples
}
