//! Must-hand-off questions that no rule's pattern catches: a small classifier learned from the desk's own example
//! utterances (`kb/examples/`). Rules stay first; this is the net below them. By the same means it knows small talk and
//! what the desk does not cover.
//!
//! Multinomial logistic regression (softmax) over hashed lemma and character n-grams plus the utterance's vector, trained
//! by plain gradient steps in a fixed order when a desk is built as a whole: the same desk gives the same classifier.

use serde::{Deserialize, Serialize};

use crate::embed::{Embedder, Role, Text, dot};
use crate::kb::rules::normalize_for_rules;
use crate::kb::{HandOffExample, HandOffReason, Snapshot};
use crate::text::Analyzer;

/// Classes: "none" first, then the reasons, then small talk and what no entry covers.
const REASONS: [HandOffReason; 6] = [
    HandOffReason::Security,
    HandOffReason::Complaint,
    HandOffReason::Advice,
    HandOffReason::Account,
    HandOffReason::Person,
    HandOffReason::Secret,
];
const SMALLTALK: usize = REASONS.len() + 1;
const OUTSIDE: usize = SMALLTALK + 1;
const CLASSES: usize = OUTSIDE + 1;
/// Hashed features.
const BUCKETS: usize = 1 << 17;
/// Entry questions and phrasings taken as "none" examples.
const ORDINARY: usize = 6_000;
const EPOCHS: usize = 24;
const RATE: f32 = 0.15;
const DECAY: f32 = 1e-5;
/// Factor on the vector part against the n-gram part.
const VECTOR_SHARE: f32 = 1.0;
/// From this probability of all must-hand-off reasons together the utterance goes to a person. Two in five examples must,
/// and about one in seven questions: .3 here is .09 there, so one missed weighs ten handed over for nothing. Of examples
/// held out that is .73 of those that must, most of which no rule catches, and 3.6% of the others (docs/ranking-trials.md).
const FIRES_FROM: f32 = 0.3;
/// From this one it does when the desk has no sure answer either, and asking back is all that is lost: .88 and 11.5%.
const LINGERS_FROM: f32 = 0.1;

/// Raised whenever the same examples give another classifier; stored ones carry it.
pub const NET_VERSION: u32 = 3;

/// The learned net below the rules.
#[derive(Serialize, Deserialize)]
pub struct HandOffClassifier {
    /// Class-minor weights of the hashed features.
    sparse: Vec<[f32; CLASSES]>,
    /// Weights of the vector.
    dense: Vec<[f32; CLASSES]>,
    bias: [f32; CLASSES],
    /// Vectors of the examples that no entry covers.
    outside: Vec<Vec<f32>>,
}

/// What the classifier says of an utterance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suspicion {
    /// The likeliest must-hand-off reason.
    pub reason: HandOffReason,
    /// Probability that the utterance must reach a person, for whatever reason.
    pub probability: f32,
    /// Probability that it is small talk.
    pub smalltalk: f32,
    /// Probability that it is a question no entry covers.
    pub outside: f32,
    /// Cosine with the closest example of such a question; 0 without vectors or examples.
    pub outside_cosine: f32,
}

impl Suspicion {
    /// Nothing suspicious.
    pub const NONE: Self = Self {
        reason: HandOffReason::Security,
        probability: 0.0,
        smalltalk: 0.0,
        outside: 0.0,
        outside_cosine: 0.0,
    };

    /// Whether that is enough to hand off.
    pub fn fires(&self) -> bool {
        self.probability >= FIRES_FROM
    }

    /// Whether it is enough when no answer is sure.
    pub fn lingers(&self) -> bool {
        self.probability >= LINGERS_FROM
    }
}

struct Utterance {
    features: Vec<u32>,
    vector: Vec<f32>,
}

impl HandOffClassifier {
    /// Learns from the snapshot's examples; `None` when it has none.
    pub fn learn(snapshot: &Snapshot, analyzer: &Analyzer, embedder: Option<&dyn Embedder>) -> Option<Self> {
        let examples: Vec<&HandOffExample> = snapshot.examples.iter().collect();
        (!examples.is_empty()).then(|| Self::learn_of(&examples, snapshot, analyzer, embedder))
    }

    /// What nets learned from the other examples say of each: of `folds` nets, the n-th does without every `folds`-th
    /// example from the n-th on. In the order of the snapshot's examples; at least two folds are made.
    pub fn cross_fitted(
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
        folds: usize,
    ) -> Vec<Suspicion> {
        let folds = folds.max(2);
        let examples = || snapshot.examples.iter().enumerate();
        let mut said = vec![Suspicion::NONE; snapshot.examples.len()];
        for fold in 0..folds {
            let learned: Vec<&HandOffExample> =
                examples().filter(|(i, _)| i % folds != fold).map(|(_, example)| example).collect();
            let net = Self::learn_of(&learned, snapshot, analyzer, embedder);
            for (i, example) in examples().skip(fold).step_by(folds) {
                said[i] = net.suspect(&example.text, analyzer, embedder);
            }
        }
        said
    }

    fn learn_of(
        examples: &[&HandOffExample],
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
    ) -> Self {
        use rayon::prelude::*;
        let examples = examples.iter().map(|example| (example.text.as_str(), class(example.reason)));
        let phrasings = snapshot
            .entries
            .iter()
            .flat_map(|entry| std::iter::once(&entry.question).chain(&entry.phrasings));
        let small = snapshot.smalltalk.iter().flat_map(|talk| &talk.phrasings);
        let small = small.map(|text| (text.as_str(), SMALLTALK));
        let ordinary: Vec<(&str, usize)> = phrasings.map(|text| (text.as_str(), 0)).collect();
        let step = ordinary.len().div_ceil(ORDINARY).max(1);
        let texts: Vec<(&str, usize)> =
            examples.chain(ordinary.into_iter().step_by(step)).chain(small).collect();
        let utterances: Vec<(Utterance, usize)> =
            texts.par_iter().map(|(text, class)| (Utterance::of(text, analyzer, embedder), *class)).collect();
        let width = utterances.first().map_or(0, |(utterance, _)| utterance.vector.len());
        let mut classifier = Self {
            sparse: vec![[0.0; CLASSES]; BUCKETS],
            dense: vec![[0.0; CLASSES]; width],
            bias: [0.0; CLASSES],
            outside: Vec::new(),
        };
        for epoch in 0..EPOCHS {
            let rate = RATE * (1.0 - epoch as f32 / EPOCHS as f32);
            // A stride coprime to the length visits every example once, far neighbours in turn.
            let stride = coprime_stride(utterances.len(), 7919 + epoch);
            for i in 0..utterances.len() {
                let (utterance, class) = &utterances[i * stride % utterances.len()];
                classifier.step(utterance, *class, rate);
            }
        }
        let outside = utterances.into_iter().filter(|(_, class)| *class == OUTSIDE);
        classifier.outside = outside.map(|(utterance, _)| utterance.vector).collect();
        classifier
    }

    /// How likely `text` must reach a person.
    pub fn suspect(&self, text: &str, analyzer: &Analyzer, embedder: Option<&dyn Embedder>) -> Suspicion {
        let utterance = Utterance::of(text, analyzer, embedder);
        let p = self.probabilities(&utterance);
        let cosines = self.outside.iter().map(|example| dot(example, &utterance.vector));
        let outside_cosine = cosines.fold(0.0, f32::max);
        let best = (1..SMALLTALK).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap_or(1);
        let probability = p[1..SMALLTALK].iter().sum();
        Suspicion {
            reason: REASONS[best - 1],
            probability,
            smalltalk: p[SMALLTALK],
            outside: p[OUTSIDE],
            outside_cosine,
        }
    }

    fn probabilities(&self, utterance: &Utterance) -> [f32; CLASSES] {
        let mut scores = self.bias;
        let scale = utterance.scale();
        for feature in &utterance.features {
            scores.iter_mut().zip(&self.sparse[*feature as usize]).for_each(|(s, w)| *s += w * scale);
        }
        for (x, weights) in utterance.vector.iter().zip(&self.dense) {
            scores.iter_mut().zip(weights).for_each(|(s, w)| *s += w * x * VECTOR_SHARE);
        }
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for score in &mut scores {
            *score = (*score - top).exp();
            sum += *score;
        }
        scores.map(|score| score / sum)
    }

    fn step(&mut self, utterance: &Utterance, class: usize, rate: f32) {
        let p = self.probabilities(utterance);
        let mut slope = p;
        slope[class] -= 1.0;
        let scale = utterance.scale();
        for feature in &utterance.features {
            let weights = &mut self.sparse[*feature as usize];
            for (w, g) in weights.iter_mut().zip(&slope) {
                *w -= rate * (g * scale + DECAY * *w);
            }
        }
        for (x, weights) in utterance.vector.iter().zip(&mut self.dense) {
            for (w, g) in weights.iter_mut().zip(&slope) {
                *w -= rate * g * x * VECTOR_SHARE;
            }
        }
        self.bias.iter_mut().zip(&slope).for_each(|(b, g)| *b -= rate * 0.1 * g);
    }
}

impl Utterance {
    fn of(text: &str, analyzer: &Analyzer, embedder: Option<&dyn Embedder>) -> Self {
        let analysis = analyzer.analyze(text);
        let terms: Vec<String> = analysis.terms().map(str::to_owned).collect();
        // All tokens, function words too: 「された」 and 「できますか」 tell a victim from a curious customer.
        let all: Vec<&str> = analysis.tokens.iter().map(|token| token.term.as_str()).collect();
        let mut features = Vec::new();
        for n in 1..=3 {
            for window in all.windows(n) {
                features.push(bucket(b'w', &window.join(" ")));
            }
        }
        let bare: Vec<char> = normalize_for_rules(text).chars().take(400).collect();
        for n in 2..=4 {
            for window in bare.windows(n) {
                features.push(bucket(b'c', &window.iter().collect::<String>()));
            }
        }
        features.push(bucket(b'l', if bare.len() > 60 { "long" } else { "short" }));
        features.extend(secret_shapes(text).map(|shape| bucket(b's', shape)));
        features.sort_unstable();
        features.dedup();
        let vector =
            embedder.map_or_else(Vec::new, |e| e.embed(&Text { raw: text, terms: &terms }, Role::Query));
        Self { features, vector }
    }

    /// Long utterances have more features; each then counts less. The factor is the n-grams' share against the vector's.
    fn scale(&self) -> f32 {
        2.0 / (self.features.len().max(1) as f32).sqrt()
    }
}

/// Shapes that no word list knows: long runs of hexadecimal digits, many short English words in a row.
fn secret_shapes(text: &str) -> impl Iterator<Item = &'static str> {
    let hex = text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        run.len() >= 24
            && run.chars().any(|c| c.is_ascii_digit())
            && run.chars().any(|c| c.is_ascii_alphabetic())
    });
    let words = text.split_whitespace();
    let mut run = 0_usize;
    let mut longest = 0_usize;
    for word in words {
        let plain = (3..=8).contains(&word.len()) && word.chars().all(|c| c.is_ascii_lowercase());
        run = if plain { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    [("long-key", hex), ("word-list", longest >= 9)].into_iter().filter(|(_, is)| *is).map(|(shape, _)| shape)
}

fn class(reason: Option<HandOffReason>) -> usize {
    match reason {
        None => 0,
        Some(HandOffReason::OutOfScope) => OUTSIDE,
        Some(reason) => REASONS.iter().position(|r| *r == reason).map_or(0, |i| i + 1),
    }
}

fn bucket(kind: u8, text: &str) -> u32 {
    let seed = (0x811c_9dc5_u32 ^ u32::from(kind)).wrapping_mul(0x0100_0193);
    let hash = text.bytes().fold(seed, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 15)) % BUCKETS as u32
}

fn coprime_stride(length: usize, from: usize) -> usize {
    fn gcd(a: usize, b: usize) -> usize {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    (from..).find(|stride| gcd(*stride, length.max(1)) == 1).unwrap_or(1)
}
