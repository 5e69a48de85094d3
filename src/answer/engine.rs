//! The [`Engine`]: one snapshot with its index, models and rules, and the five steps in order. Immutable; publishing
//! builds a new one aside and swaps it in.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use super::confidence::{self, Bands, ConfidenceModel, Rating, Signals};
use super::features::FeatureSource;
use super::intent::{HandOffClassifier, Suspicion};
use super::rank::{RankModel, Ranked, Ranking, rank};
use super::rerank::rerank;
use super::retrieve::{Retrieved, System, retrieve};
use super::smalltalk::{SmallTalkMatch, SmallTalkMatcher};
use super::topic::Topic;
use super::trace::{Trace, TraceCandidate};
use super::understand::{Question, context_text};
use super::{Ask, Candidate, Outcome, decide};
use crate::embed::{Embedder, Reranking, Role, Text};
use crate::index::Index;
use crate::index::vector::Query;
use crate::kb::{Entry, Language, Snapshot};
use crate::privacy;
use crate::text::Analyzer;

/// Candidates kept in a Trace.
const TRACED: usize = 10;

/// The learned parts: ranker and confidence, the latter with its own curve for lexical-only mode.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Models {
    /// Order of candidates; `None` = the fixed weighting.
    pub ranker: Option<RankModel>,
    /// Confidence with both retrievers.
    pub confidence: Option<ConfidenceModel>,
    /// Confidence without vectors.
    pub lexical_confidence: Option<ConfidenceModel>,
}

impl Models {
    /// Reads `ranker.json`, `confidence.json` and `confidence-lexical.json` from `folder`; a file that is not there is
    /// left out.
    ///
    /// # Errors
    /// When a file is malformed or fitted for other features.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let all = Self::read(folder)?;
        anyhow::ensure!(
            all == all.clone().current(),
            "the models in {} were fitted by another version; run `madoguchi fit`",
            folder.display()
        );
        Ok(all)
    }

    /// As [`Models::open`], without what was fitted for other features, for replacing it.
    ///
    /// # Errors
    /// When a file is malformed.
    pub fn open_current(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self::read(folder)?.current())
    }

    fn read(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            ranker: read(&folder.join("ranker.json"))?,
            confidence: read(&folder.join("confidence.json"))?,
            lexical_confidence: read(&folder.join("confidence-lexical.json"))?,
        })
    }

    fn current(self) -> Self {
        Self {
            ranker: self.ranker.filter(RankModel::fits),
            confidence: self.confidence.filter(ConfidenceModel::fits),
            lexical_confidence: self.lexical_confidence.filter(ConfidenceModel::fits),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(
            serde_json::from_slice(&bytes).with_context(|| format!("{} is malformed", path.display()))?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What an Engine is made of.
pub struct Parts {
    /// What is served.
    pub snapshot: Arc<Snapshot>,
    /// The analyzer the index was built with.
    pub analyzer: Arc<Analyzer>,
    /// The embedder the index was built with; `None` = lexical-only mode.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// The index of the snapshot.
    pub index: Arc<Index>,
    /// The net below the rules; `None` when the desk has no examples.
    pub net: Option<Arc<HandOffClassifier>>,
    /// Ranker and confidence.
    pub models: Models,
}

/// Answers questions from one snapshot.
pub struct Engine {
    parts: Parts,
    smalltalk: SmallTalkMatcher,
    /// Topic of each document, numbered by first appearance: an entry and its translation share one.
    topics: Vec<usize>,
    system: System,
    reranking: Option<Reranking>,
}

/// A question with its ranking.
pub struct Considered {
    /// What was asked.
    pub question: Question,
    /// What the conversation was about before, if it went on.
    pub completed_with: Option<String>,
    /// Its candidates, best first.
    pub ranking: Ranking,
    /// Signals of the ranking.
    pub signals: Signals,
    /// Small talk it is closest to.
    pub smalltalk: SmallTalkMatch,
    /// What the classifier learned from the desk's examples says; `None` when the desk has none.
    pub suspicion: Option<Suspicion>,
    /// Calibrated probability that the first candidate answers.
    pub confidence: f32,
    /// The thresholds that hold for it.
    pub bands: Bands,
    /// Parts that failed.
    pub degraded: Vec<String>,
}

impl Engine {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let light = parts.embedder.as_deref().and_then(Embedder::light);
        let smalltalk = SmallTalkMatcher::new(&parts.snapshot, &parts.analyzer, light);
        let mut numbers = std::collections::HashMap::new();
        let topics = parts
            .snapshot
            .entries
            .iter()
            .map(|entry| {
                let next = numbers.len();
                *numbers.entry(entry.topic()).or_insert(next)
            })
            .collect();
        Self { parts, smalltalk, topics, system: System::Hybrid, reranking: None }
    }

    /// The same engine with a re-ranker behind the ranker.
    #[must_use]
    pub fn with_reranking(self, reranking: Option<Reranking>) -> Self {
        Self { reranking, ..self }
    }

    /// The same engine restricted to some retrievers, for measuring.
    #[must_use]
    pub fn with_system(self, system: System) -> Self {
        Self { system, ..self }
    }

    /// The same engine with other models, for fitting.
    #[must_use]
    pub fn with_models(mut self, models: Models) -> Self {
        self.parts.models = models;
        self
    }

    /// What is served.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.parts.snapshot
    }

    /// The index in use.
    pub fn index(&self) -> &Index {
        &self.parts.index
    }

    /// The one analyzer.
    pub fn analyzer(&self) -> &Arc<Analyzer> {
        &self.parts.analyzer
    }

    /// Whether vectors are missing, so that the desk runs lexical-only.
    pub fn is_degraded(&self) -> bool {
        self.parts.index.vectors.is_none()
    }

    /// Decides. Total: whatever fails, there is a Decision, at worst a hand-off with reason `unavailable`.
    pub fn answer(&self, ask: &Ask<'_>) -> Outcome {
        let begun = Instant::now();
        let steps = std::panic::AssertUnwindSafe(|| self.decide(ask));
        let mut outcome = std::panic::catch_unwind(steps).unwrap_or_else(|_| self.unavailable(ask));
        outcome.trace.micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        outcome
    }

    fn decide(&self, ask: &Ask<'_>) -> Outcome {
        let question = self.understood(ask.text, ask.context.language);
        let rules = &self.parts.snapshot.rules;
        let rule = rules.first_match(ask.text).or_else(|| rules.first_match(&question.as_read));
        let considered = self.in_conversation(question, ask);
        if let Some(rule) = rule {
            return decide::by_rule(self, ask, rule, &considered);
        }
        if privacy::mask(ask.text).kinds.iter().any(|kind| kind.opens_assets()) {
            return decide::by_secret(self, ask, &considered);
        }
        if let Some(suspicion) = considered.suspicion.filter(Suspicion::fires) {
            return decide::by_suspicion(self, ask, suspicion, &considered);
        }
        decide::by_confidence(self, ask, &considered)
    }

    fn suspect(&self, text: &str) -> Option<Suspicion> {
        self.parts.net.as_ref().map(|net| net.suspect(text, &self.parts.analyzer, self.light()))
    }

    /// What nets learned from the desk's other examples say of each example, see [`HandOffClassifier::cross_fitted`].
    pub fn cross_fitted_suspicions(&self, folds: usize) -> Vec<Suspicion> {
        let Parts { snapshot, analyzer, .. } = &self.parts;
        HandOffClassifier::cross_fitted(snapshot, analyzer, self.light(), folds)
    }

    /// The embedding of a text, of length 1 or all zeros, by the light part of the embedder; `None` in lexical-only mode.
    pub fn embed(&self, text: &str) -> Option<Vec<f32>> {
        let terms = self.parts.analyzer.terms(text);
        self.light().map(|embedder| embedder.embed(&Text { raw: text, terms: &terms }, Role::Query))
    }

    fn light(&self) -> Option<&dyn Embedder> {
        self.parts.embedder.as_deref().and_then(Embedder::light)
    }

    /// Whether an answer takes tens of milliseconds, because a transformer has a part in it.
    pub fn waits(&self) -> bool {
        self.reranking.is_some() || self.parts.embedder.as_ref().is_some_and(|embedder| embedder.waits())
    }

    /// Retrieves, ranks and rates a question, with what was said before it: no rules, no small talk.
    pub fn consider(&self, ask: &Ask<'_>) -> Considered {
        self.in_conversation(self.understood(ask.text, ask.context.language), ask)
    }

    fn in_conversation(&self, question: Question, ask: &Ask<'_>) -> Considered {
        let topic = context_text(&ask.context, &self.parts.snapshot).map(|text| {
            let before = self.understood(&text, None);
            let vector = self.vector(&before).0;
            let retrieved = retrieve(&before, vector.as_ref(), &self.parts.index, self.system);
            let ranking = self.rank(&before, vector.as_ref(), &retrieved);
            Topic::new(text, &ranking, &self.linked(ask.context.last_entry.as_deref()))
        });
        self.rated(question, topic.as_ref(), &|_| true)
    }

    /// The entries that an entry leads on to, in every language.
    fn linked(&self, entry: Option<&str>) -> Vec<u32> {
        let snapshot = &self.parts.snapshot;
        let Some(entry) = entry.and_then(|id| snapshot.entry(id)) else { return Vec::new() };
        let links = entry.follow_ups.iter().chain(&entry.related).filter_map(|id| snapshot.entry(id));
        let topics: Vec<&str> = links.map(|entry| entry.topic()).collect();
        let entries = snapshot.entries.iter().enumerate();
        entries.filter(|(_, e)| topics.contains(&e.topic())).map(|(number, _)| number as u32).collect()
    }

    /// Retrieves, ranks and rates a text on its own.
    pub fn consider_text(&self, text: &str) -> Considered {
        self.rated(self.understood(text, None), None, &|_| true)
    }

    /// As [`Engine::consider_text`], but as if the documents that `is_gone` names were not there.
    pub fn consider_without(&self, text: &str, is_gone: &dyn Fn(u32) -> bool) -> Considered {
        self.rated(self.understood(text, None), None, &|number| !is_gone(number))
    }

    fn understood(&self, text: &str, fallback: Option<Language>) -> Question {
        Question::new(text, &self.parts.analyzer, &self.parts.index.documents, fallback)
    }

    /// The question's vector, and why there is none if the embedder did not get to it.
    fn vector(&self, question: &Question) -> (Option<Query>, Option<String>) {
        let embedder = self.parts.embedder.as_ref().filter(|_| self.system != System::Lexical);
        let Some(embedder) = embedder else { return (None, None) };
        let embedding = embedder.embed_question(&Text { raw: &question.raw, terms: &question.terms });
        (Query::new(&embedding.vector), embedding.shortfall)
    }

    /// The small talk it is closest to, by the light part of the embedder; that is all of it but for a transformer.
    fn smalltalk(&self, question: &Question, vector: Option<&Query>) -> SmallTalkMatch {
        let waits = self.parts.embedder.as_ref().is_some_and(|embedder| embedder.waits());
        let own = self.light().filter(|_| waits).and_then(|light| {
            Query::new(&light.embed(&Text { raw: &question.raw, terms: &question.terms }, Role::Query))
        });
        let vector = if waits { own.as_ref() } else { vector };
        self.smalltalk.closest(&question.raw, vector).unwrap_or_default()
    }

    fn rated(&self, question: Question, topic: Option<&Topic>, keep: &dyn Fn(u32) -> bool) -> Considered {
        let Parts { index, models, .. } = &self.parts;
        let (vector, shortfall) = self.vector(&question);
        let mut retrieved = retrieve(&question, vector.as_ref(), index, self.system).keeping(keep);
        if let Some(topic) = topic {
            topic.widen(&mut retrieved);
        }
        let mut ranking = self.rank(&question, vector.as_ref(), &retrieved);
        let mut degraded = retrieved.degraded;
        degraded.extend(shortfall.map(|why| format!("dense retriever: {why}")));
        if let Some(reranking) = self.reranking.as_ref().filter(|_| self.system == System::Hybrid) {
            let moved = rerank(reranking, &question.raw, &self.parts.snapshot.entries, &mut ranking);
            degraded.extend(moved.err().map(|why| format!("re-ranker: skipped, {why}")));
        }
        if let Some(topic) = topic {
            topic.lift(&mut ranking);
        }
        self.prefer_language(&question, &mut ranking);
        let smalltalk = self.smalltalk(&question, vector.as_ref());
        let topic_of = |number: u32| self.topics[number as usize];
        let suspicion = self.suspect(&question.as_read);
        let signals = confidence::signals(&question, &ranking, smalltalk, suspicion, topic_of);
        let fitted = if vector.is_some() { &models.confidence } else { &models.lexical_confidence };
        let Rating { confidence, bands } = match (fitted.as_ref(), ranking.first()) {
            (Some(model), Some(best)) => model.rate(&signals, self.entry(best).top_category()),
            (model, _) => Rating { confidence: 0.0, bands: model.map_or(Bands::NEVER, |model| model.bands) },
        };
        let completed_with = topic.map(|topic| topic.text.clone());
        Considered {
            question,
            completed_with,
            ranking,
            signals,
            smalltalk,
            suspicion,
            confidence,
            bands,
            degraded,
        }
    }

    fn rank(&self, question: &Question, vector: Option<&Query>, retrieved: &Retrieved) -> Ranking {
        let source = FeatureSource::new(question, vector, &self.parts.index, retrieved);
        rank(&source, retrieved, self.parts.models.ranker.as_ref(), self.system)
    }

    /// Of an entry and its translation, the one in the asker's language comes first.
    fn prefer_language(&self, question: &Question, ranking: &mut Ranking) {
        let english = question.language == Language::En;
        let documents = &self.parts.index.documents;
        let speaks = |ranked: &Ranked| documents.get(ranked.found.number).english == english;
        for i in 0..ranking.len() {
            let topic = self.topics[ranking[i].found.number as usize];
            let twin = |ranked: &Ranked| self.topics[ranked.found.number as usize] == topic && speaks(ranked);
            if !speaks(&ranking[i])
                && let Some(j) = (i + 1..ranking.len()).find(|&j| twin(&ranking[j]))
            {
                let score = ranking[i].score;
                let mut preferred = ranking.remove(j);
                ranking[i].score = preferred.score;
                preferred.score = score;
                ranking.insert(i, preferred);
            }
        }
    }

    fn entry(&self, ranked: &Ranked) -> &Entry {
        &self.parts.snapshot.entries[ranked.found.number as usize]
    }

    /// Entries for a search box, best first.
    pub fn search(&self, text: &str, limit: usize) -> Vec<Candidate> {
        let considered = self.consider_text(text);
        considered.ranking.iter().take(limit).map(|ranked| self.candidate(ranked, &considered)).collect()
    }

    /// A ranked entry as a candidate: the best has the question's confidence, the others what is left by their share of
    /// the ranker's scores.
    pub(super) fn candidate(&self, ranked: &Ranked, considered: &Considered) -> Candidate {
        let entry = self.entry(ranked);
        let best = considered.ranking.first().map_or(0.0, |best| best.score);
        let confidence = considered.confidence * (ranked.score - best).min(0.0).exp();
        Candidate { entry_id: entry.id.clone(), question: entry.question.clone(), confidence }
    }

    /// Which topic a document belongs to.
    pub(super) fn topic(&self, number: u32) -> usize {
        self.topics[number as usize]
    }

    /// The Trace of a question.
    pub(super) fn trace(&self, considered: &Considered) -> Trace {
        let Considered { question, ranking, signals, .. } = considered;
        let retrieved = Retrieved::default();
        let source = FeatureSource::new(question, None, &self.parts.index, &retrieved);
        let entries = &self.parts.snapshot.entries;
        let candidates = ranking.iter().take(TRACED).map(|ranked| {
            let entry = &entries[ranked.found.number as usize];
            TraceCandidate {
                entry_id: entry.id.clone(),
                question: entry.question.clone(),
                score: ranked.score,
                from_context: ranked.from_context,
                lexical: ranked.found.lexical,
                dense: ranked.found.dense,
                matched: source.matched(ranked.found.number),
            }
        });
        Trace {
            normalized: question.normalized.clone(),
            language: question.language,
            tokens: question.terms.clone(),
            expansions: question.expansions.clone(),
            completed_with: considered.completed_with.clone(),
            candidates: candidates.collect(),
            features: confidence::NAMES.iter().map(|name| (*name).to_owned()).zip(*signals).collect(),
            confidence: considered.confidence,
            degraded: considered.degraded.clone(),
            ..Trace::default()
        }
    }

    fn unavailable(&self, ask: &Ask<'_>) -> Outcome {
        decide::unavailable(&self.parts.snapshot, ask)
    }
}
