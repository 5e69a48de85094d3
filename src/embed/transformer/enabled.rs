//! [`Encoder`] and [`CrossEncoder`] as the rest of the program sees them: text in, vectors or scores out. Tokenizes on
//! the caller's thread, computes on the model's own, keeps what was asked before.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::tokens::{Tokenization, Tokens};
use super::worker::{Batching, Worker};
use super::{ModelFolder, Prefixes, Purpose, Resources, TransformerError};
use crate::embed::Role;

/// Questions computed in one pass.
const QUESTIONS: Batching = Batching { jobs: 16, texts: 16 };
/// One question's passages, a few in a pass, so that a spent budget is noticed.
const PAIRS: Batching = Batching { jobs: 1, texts: 4 };
/// Padded tokens of one batch of the desk's texts: short enough that a question which comes meanwhile hardly waits.
const BATCH_TOKENS: usize = 768;
/// Texts of one such batch; as many as one pass takes.
const BATCH_TEXTS: usize = QUESTIONS.texts;
/// Vectors of the desk's texts that are kept, so that a publication computes only what changed.
const KEPT_PASSAGES: usize = 16_384;

type Progress = Box<dyn Fn(usize, usize) + Send + Sync>;

/// A sentence encoder.
pub struct Encoder {
    name: String,
    dimension: usize,
    fingerprint: String,
    prefixes: Prefixes,
    wait: Duration,
    tokenization: Tokenization,
    worker: Worker,
    questions: Mutex<Generations>,
    passages: Mutex<Generations>,
    progress: Mutex<Option<Progress>>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({} × {})", self.name, self.dimension)
    }
}

impl Encoder {
    /// Loads a model.
    ///
    /// # Errors
    /// When a file is missing, malformed or not the registered one, or the model is a re-ranker.
    pub fn open(folder: &ModelFolder, resources: &Resources) -> Result<Self, TransformerError> {
        require(folder, Purpose::Encoder)?;
        let encoder = Self {
            name: folder.name.clone(),
            dimension: folder.dimension(),
            fingerprint: folder.fingerprint()?,
            prefixes: folder.prefixes.clone(),
            wait: resources.wait,
            tokenization: Tokenization::open(folder)?,
            worker: Worker::start(folder, resources, QUESTIONS)?,
            questions: Mutex::new(Generations::new(resources.cached)),
            passages: Mutex::new(Generations::new(KEPT_PASSAGES)),
            progress: Mutex::new(None),
        };
        encoder.passages(&["窓口"])?;
        Ok(encoder)
    }

    /// Numbers per vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Identifies the vectors.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Numbers of `text`'s tokens, with the role's prefix and the special tokens.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn token_ids(&self, text: &str, role: Role) -> Result<Vec<u32>, TransformerError> {
        let tokens = self.tokens(text, role)?;
        Ok(tokens.ids.iter().map(|&id| u32::try_from(id).expect("the tokenizer's numbers are u32")).collect())
    }

    /// The vector of one question. Waits no longer than configured.
    ///
    /// # Errors
    /// `Busy`, `Late`, `Failed`.
    pub fn question(&self, text: &str) -> Result<Vec<f32>, TransformerError> {
        let key = key(text);
        if let Some(kept) = lock(&self.questions).get(&key) {
            count("kept");
            return Ok(kept.to_vec());
        }
        let rows =
            self.tokens(text, Role::Query).and_then(|tokens| self.worker.urgent(vec![tokens], self.wait));
        count(match &rows {
            Ok(_) => "computed",
            Err(TransformerError::Busy) => "busy",
            Err(TransformerError::Late(_)) => "late",
            Err(_) => "failed",
        });
        let vector: Arc<[f32]> = first(rows?)?.into();
        lock(&self.questions).put(key, Arc::clone(&vector));
        Ok(vector.to_vec())
    }

    /// The vectors of the desk's texts, in order. Those of similar length are computed together; questions go before.
    ///
    /// # Errors
    /// `Failed`.
    pub fn passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, TransformerError> {
        let keys: Vec<Key> = texts.iter().map(|text| key(text)).collect();
        let mut vectors: Vec<Option<Arc<[f32]>>> = {
            let mut kept = lock(&self.passages);
            keys.iter().map(|key| kept.get(key)).collect()
        };
        let mut open = Vec::new();
        for (at, text) in texts.iter().enumerate().filter(|(at, _)| vectors[*at].is_none()) {
            open.push((at, self.tokens(text, Role::Passage)?));
        }
        open.sort_by_key(|(_, tokens)| tokens.ids.len());
        let mut done = texts.len() - open.len();
        for batch in batches(open) {
            let (places, tokens): (Vec<usize>, Vec<Tokens>) = batch.into_iter().unzip();
            for (at, row) in places.iter().zip(self.worker.patient(tokens)?) {
                let vector: Arc<[f32]> = row.into();
                lock(&self.passages).put(keys[*at], Arc::clone(&vector));
                vectors[*at] = Some(vector);
            }
            done += places.len();
            if let Some(report) = lock(&self.progress).as_ref() {
                report(done, texts.len());
            }
        }
        Ok(vectors
            .into_iter()
            .map(|vector| vector.expect("every text was kept or computed").to_vec())
            .collect())
    }

    /// Calls `report` with how many of how many texts of one call are done.
    pub fn on_progress(&self, report: impl Fn(usize, usize) + Send + Sync + 'static) {
        *lock(&self.progress) = Some(Box::new(report));
    }

    fn tokens(&self, text: &str, role: Role) -> Result<Tokens, TransformerError> {
        let prefix = self.prefixes.of(role);
        if prefix.is_empty() {
            self.tokenization.text(text)
        } else {
            self.tokenization.text(&format!("{prefix}{text}"))
        }
    }
}

/// A re-ranker.
pub struct CrossEncoder {
    name: String,
    fingerprint: String,
    tokenization: Tokenization,
    worker: Worker,
}

impl fmt::Debug for CrossEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrossEncoder({})", self.name)
    }
}

impl CrossEncoder {
    /// Loads a model.
    ///
    /// # Errors
    /// As [`Encoder::open`], the other way round.
    pub fn open(folder: &ModelFolder, resources: &Resources) -> Result<Self, TransformerError> {
        require(folder, Purpose::Reranker)?;
        let model = Self {
            name: folder.name.clone(),
            fingerprint: folder.fingerprint()?,
            tokenization: Tokenization::open(folder)?,
            worker: Worker::start(folder, resources, PAIRS)?,
        };
        model.scores("窓口", &["窓口"], Duration::from_secs(60))?;
        Ok(model)
    }

    /// Identifies the scores.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// How well each passage answers the question, as log-odds; of a classifier with two outputs, second minus first.
    ///
    /// # Errors
    /// `Late` when not all are done within `budget`, `Busy`, `Failed`.
    pub fn scores(
        &self,
        question: &str,
        passages: &[&str],
        budget: Duration,
    ) -> Result<Vec<f32>, TransformerError> {
        let pairs: Result<Vec<Tokens>, _> =
            passages.iter().map(|passage| self.tokenization.pair(question, passage)).collect();
        let rows = self.worker.urgent(pairs?, budget)?;
        rows.iter()
            .map(|row| match row.as_slice() {
                [score] => Ok(*score),
                [no, yes] => Ok(yes - no),
                other => Err(TransformerError::Failed(format!("{} outputs, not 1 or 2", other.len()))),
            })
            .collect()
    }
}

fn require(folder: &ModelFolder, purpose: Purpose) -> Result<(), TransformerError> {
    if folder.purpose == purpose {
        return Ok(());
    }
    let (is, wanted) = (folder.purpose.name(), purpose.name());
    let why = format!("describes a {is}, not a {wanted}");
    Err(TransformerError::folder(&folder.path.join("config.json"), &why, &format!("the model of a {wanted}")))
}

fn first(rows: Vec<Vec<f32>>) -> Result<Vec<f32>, TransformerError> {
    rows.into_iter().next().ok_or_else(|| TransformerError::Failed("it gave no vector".to_owned()))
}

fn count(outcome: &'static str) {
    metrics::counter!("madoguchi_encoder_questions_total", "outcome" => outcome).increment(1);
}

/// Texts in order of length, cut so that padding is small.
fn batches(sorted: Vec<(usize, Tokens)>) -> Vec<Vec<(usize, Tokens)>> {
    let mut batches: Vec<Vec<(usize, Tokens)>> = Vec::new();
    for item in sorted {
        let length = item.1.ids.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_TEXTS && (batch.len() + 1) * length <= BATCH_TOKENS => {
                batch.push(item)
            }
            _ => batches.push(vec![item]),
        }
    }
    batches
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

type Key = [u8; 16];

fn key(text: &str) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&Sha256::digest(text)[..16]);
    key
}

/// A bounded memory in two generations: when the young one is full it becomes the old one, and what of the old one was
/// not asked for meanwhile is forgotten.
struct Generations {
    capacity: usize,
    young: HashMap<Key, Arc<[f32]>>,
    old: HashMap<Key, Arc<[f32]>>,
}

impl Generations {
    fn new(capacity: usize) -> Self {
        Self { capacity, young: HashMap::new(), old: HashMap::new() }
    }

    fn get(&mut self, key: &Key) -> Option<Arc<[f32]>> {
        if let Some(found) = self.young.get(key) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(key)?;
        self.put(*key, Arc::clone(&found));
        Some(found)
    }

    fn put(&mut self, key: Key, vector: Arc<[f32]>) {
        if self.capacity == 0 {
            return;
        }
        if self.young.len() >= self.capacity.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_is_bounded_and_keeps_what_is_asked_for() {
        let mut memory = Generations::new(8);
        let vector: Arc<[f32]> = vec![1.0].into();
        memory.put(key("favourite"), Arc::clone(&vector));
        for n in 0..100 {
            memory.put(key(&n.to_string()), Arc::clone(&vector));
            assert!(memory.get(&key("favourite")).is_some(), "forgotten after {n}");
            assert!(memory.young.len() + memory.old.len() <= 8);
        }
        assert!(memory.get(&key("1")).is_none());
        let mut none = Generations::new(0);
        none.put(key("x"), vector);
        assert!(none.get(&key("x")).is_none());
    }

    #[test]
    fn batches_hold_texts_of_like_length_within_the_bound() {
        let text = |length: usize| Tokens { ids: vec![5; length], types: vec![0; length] };
        let lengths = [3, 3, 4, 5, 5, 6, 60, 61, 300, 400, 512, 900];
        let batches = batches(lengths.iter().enumerate().map(|(i, &n)| (i, text(n))).collect());
        let order: Vec<usize> = batches.iter().flatten().map(|(at, _)| *at).collect();
        assert_eq!(order, (0..lengths.len()).collect::<Vec<_>>());
        for batch in &batches {
            let longest = batch.iter().map(|(_, tokens)| tokens.ids.len()).max().expect("not empty");
            assert!(batch.len() == 1 || batch.len() * longest <= BATCH_TOKENS);
        }
        assert!(batches.len() < lengths.len());
    }
}
