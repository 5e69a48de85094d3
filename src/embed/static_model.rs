//! [`StaticModel`]: one vector per term, quantised to int8, summed and normalised. Owns the file format; the core is
//! pure (bytes in, model out). Terms that the model has never seen are composed of their subwords. An adapted model is
//! the shared base and an overlay of the desk's own terms.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use sha2::{Digest, Sha256};

use super::contrast::damped;
use super::matrix::{add_scaled, dot, normalize};
use super::subwords::Subwords;
use super::tensors::{
    bytes, bytes_of_f32, bytes_of_i8, damaged, dimension, floats, pairs_of, read_safetensors, small_integers,
    to_safetensors, words_of,
};
use super::{EmbedError, Embedder, Role, Text, dictionary_name};
use crate::text::DictionaryInfo;

/// The model's file in its folder.
pub const MODEL_FILE: &str = "static.safetensors";
/// Raised when the file's layout or the meaning of its values changes.
const FORMAT: &str = "madoguchi-static-1";
const OVERLAY_FORMAT: &str = "madoguchi-overlay-1";

/// Our own embeddings. Cheap to clone: clones share all vectors.
#[derive(Clone)]
pub struct StaticModel {
    core: Arc<Core>,
    overlay: Option<Arc<Overlay>>,
}

/// The model as trained.
struct Core {
    dimension: usize,
    vocabulary: HashMap<Box<str>, u32>,
    words: Rows,
    gains: Vec<[f32; 2]>,
    pieces: Rows,
    subwords: Subwords,
    dictionary: String,
    hash: String,
}

/// What adaptation changed.
struct Overlay {
    vocabulary: HashMap<Box<str>, u32>,
    dimension: usize,
    rows: Vec<f32>,
    gains: Vec<[f32; 2]>,
    hash: String,
}

/// Vectors of small integers with a scale each.
#[derive(Default)]
struct Rows {
    values: Vec<i8>,
    scales: Vec<f32>,
}

impl Rows {
    fn quantize(rows: &[f32], dimension: usize) -> Self {
        let mut out = Self::default();
        for row in rows.chunks_exact(dimension) {
            let top = row.iter().fold(0f32, |top, x| top.max(x.abs()));
            let scale = if top > 0.0 { top / 127.0 } else { 1.0 };
            out.scales.push(scale);
            out.values.extend(row.iter().map(|x| (x / scale).round().clamp(-127.0, 127.0) as i8));
        }
        out
    }

    fn add(&self, row: u32, factor: f32, sum: &mut [f32]) {
        let d = sum.len();
        let factor = factor * self.scales[row as usize];
        for (sum, &x) in sum.iter_mut().zip(&self.values[row as usize * d..][..d]) {
            *sum += factor * f32::from(x);
        }
    }
}

/// Everything a model file holds, before quantisation.
pub(super) struct ModelParts {
    pub(super) dimension: usize,
    pub(super) words: Vec<String>,
    pub(super) word_rows: Vec<f32>,
    /// Logarithm of each word's weight in a query and in a passage.
    pub(super) gains: Vec<[f32; 2]>,
    pub(super) subwords: Subwords,
    pub(super) piece_rows: Vec<f32>,
    pub(super) dictionary: String,
}

impl ModelParts {
    /// The bytes of the model's file. The same parts give the same bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, EmbedError> {
        let d = self.dimension;
        let words = Rows::quantize(&self.word_rows, d);
        let pieces = Rows::quantize(&self.piece_rows, d);
        let gains: Vec<f32> = self.gains.iter().flatten().copied().collect();
        let vocabulary = self.words.join("\n").into_bytes();
        let subwords = self.subwords.to_bytes()?;
        let (word_count, piece_count) = (words.scales.len(), pieces.scales.len());
        let tensors = [
            ("words", Dtype::I8, vec![word_count, d], bytes_of_i8(&words.values)),
            ("word_scales", Dtype::F32, vec![word_count], bytes_of_f32(&words.scales)),
            ("word_gains", Dtype::F32, vec![word_count, 2], bytes_of_f32(&gains)),
            ("pieces", Dtype::I8, vec![piece_count, d], bytes_of_i8(&pieces.values)),
            ("piece_scales", Dtype::F32, vec![piece_count], bytes_of_f32(&pieces.scales)),
            ("vocabulary", Dtype::U8, vec![vocabulary.len()], vocabulary),
            ("subwords", Dtype::U8, vec![subwords.len()], subwords),
        ];
        let metadata = [
            ("format", FORMAT.to_owned()),
            ("dictionary", self.dictionary.clone()),
            ("dimension", d.to_string()),
        ];
        to_safetensors(&tensors, &metadata)
    }
}

impl StaticModel {
    /// Opens [`MODEL_FILE`] in the folder `dir`.
    ///
    /// # Errors
    /// When the file is missing or damaged, or was trained with another dictionary than the Analyzer's.
    pub fn open(dir: &Path, dictionary: &DictionaryInfo) -> Result<Self, EmbedError> {
        let path = dir.join(MODEL_FILE);
        let bytes = std::fs::read(&path).map_err(|source| EmbedError::Io { path, source })?;
        Self::from_bytes(&bytes, &dictionary_name(dictionary))
    }

    /// Reads a model from its file's bytes. `analyzer_dictionary` is [`dictionary_name`] of the Analyzer's dictionary.
    ///
    /// # Errors
    /// As [`StaticModel::open`].
    pub fn from_bytes(model: &[u8], analyzer_dictionary: &str) -> Result<Self, EmbedError> {
        let (tensors, metadata) = read_safetensors(model, FORMAT)?;
        let dictionary = metadata.get("dictionary").cloned().unwrap_or_default();
        if dictionary != analyzer_dictionary {
            return Err(EmbedError::Dictionary {
                model: dictionary,
                analyzer: analyzer_dictionary.to_owned(),
            });
        }
        let dimension = dimension(&metadata)?;
        let vocabulary = words_of(bytes(&tensors, "vocabulary")?)?;
        let words = rows(&tensors, "words", "word_scales", dimension)?;
        let pieces = rows(&tensors, "pieces", "piece_scales", dimension)?;
        let subwords = Subwords::from_bytes(bytes(&tensors, "subwords")?)?;
        let gains = pairs_of(&floats(&tensors, "word_gains")?);
        if words.scales.len() != vocabulary.len() || gains.len() != vocabulary.len() {
            return Err(damaged("as many vectors and weights as words expected"));
        }
        if subwords.pieces() != pieces.scales.len() {
            return Err(damaged("as many vectors as subwords expected"));
        }
        let vocabulary = number(vocabulary)?;
        let hash = hex::encode(Sha256::digest(model));
        let core = Core { dimension, vocabulary, words, gains, pieces, subwords, dictionary, hash };
        Ok(Self { core: Arc::new(core), overlay: None })
    }

    /// The vector of one term, of length 1; `None` when nothing is known about it, not even its subwords.
    pub fn token_vector(&self, term: &str) -> Option<Vec<f32>> {
        let mut out = vec![0.0; self.core.dimension];
        self.add_term(self.find(term), term, None, 1.0, &mut out);
        (normalize(&mut out) > 1e-9).then_some(out)
    }

    /// How much a term counts in a query, as learned: about 1 for an average word, near 0 for one that says nothing.
    pub fn token_weight(&self, term: &str) -> f32 {
        let mut out = vec![0.0; self.core.dimension];
        self.add_term(self.find(term), term, Some(Role::Query), 1.0, &mut out);
        dot(&out, &out).sqrt()
    }

    /// Number of whole words, subwords not counted.
    pub fn words(&self) -> usize {
        self.core.vocabulary.len()
    }

    /// Number of subwords.
    pub fn pieces(&self) -> usize {
        self.core.subwords.pieces()
    }

    /// The dictionary that the model was trained with, as [`dictionary_name`] writes it.
    pub fn dictionary(&self) -> &str {
        &self.core.dictionary
    }

    /// Hash of the base model's file (hex), the same for all models adapted from it.
    pub fn base_hash(&self) -> &str {
        &self.core.hash
    }

    /// Whether a desk's own vectors lie over the base.
    pub fn is_adapted(&self) -> bool {
        self.overlay.is_some()
    }

    /// The vector and the gains of a term before normalisation: where adaptation begins.
    pub(super) fn term_parameters(&self, term: &str) -> (Vec<f32>, [f32; 2]) {
        let mut out = vec![0.0; self.core.dimension];
        let place = self.find(term);
        self.add_term(place, term, None, 1.0, &mut out);
        (out, self.gains(place))
    }

    /// This model's base with `terms` overlaid. `rows` has one vector per term.
    pub(super) fn with_overlay(&self, terms: &[String], rows: Vec<f32>, gains: Vec<[f32; 2]>) -> Self {
        let mut hash = Sha256::new();
        terms.iter().for_each(|term| hash.update(format!("{term}\n")));
        hash.update(bytes_of_f32(&rows));
        hash.update(bytes_of_f32(gains.as_flattened()));
        let vocabulary = (0..).zip(terms).map(|(i, term)| (term.as_str().into(), i)).collect();
        let hash = hex::encode(hash.finalize());
        let overlay = Overlay { vocabulary, dimension: self.core.dimension, rows, gains, hash };
        Self { core: Arc::clone(&self.core), overlay: Some(Arc::new(overlay)) }
    }

    /// What adaptation changed, to be stored with the snapshot; `None` for a base model.
    ///
    /// # Errors
    /// When serialisation fails, which it does not for vectors that fit into memory.
    pub fn overlay_bytes(&self) -> Result<Option<Vec<u8>>, EmbedError> {
        let Some(overlay) = &self.overlay else { return Ok(None) };
        let mut words: Vec<(&str, u32)> =
            overlay.vocabulary.iter().map(|(word, &i)| (word.as_ref(), i)).collect();
        words.sort_by_key(|word| word.1);
        let words = words.into_iter().map(|word| word.0).collect::<Vec<_>>().join("\n").into_bytes();
        let n = overlay.gains.len();
        let tensors = [
            ("rows", Dtype::F32, vec![n, overlay.dimension], bytes_of_f32(&overlay.rows)),
            ("gains", Dtype::F32, vec![n, 2], bytes_of_f32(overlay.gains.as_flattened())),
            ("vocabulary", Dtype::U8, vec![words.len()], words),
        ];
        let metadata = [
            ("format", OVERLAY_FORMAT.to_owned()),
            ("base", self.core.hash.clone()),
            ("dimension", overlay.dimension.to_string()),
        ];
        to_safetensors(&tensors, &metadata).map(Some)
    }

    /// Lays stored changes over the base they were made for.
    ///
    /// # Errors
    /// When the bytes are damaged or belong to another base model: adapt again.
    pub fn apply_overlay(&self, bytes_in: &[u8]) -> Result<Self, EmbedError> {
        let (tensors, metadata) = read_safetensors(bytes_in, OVERLAY_FORMAT)?;
        if metadata.get("base") != Some(&self.core.hash) {
            return Err(damaged("the adaptation belongs to another base model"));
        }
        let rows = floats(&tensors, "rows")?;
        let gains = pairs_of(&floats(&tensors, "gains")?);
        let words = words_of(bytes(&tensors, "vocabulary")?)?;
        if dimension(&metadata)? != self.core.dimension
            || gains.len() != words.len()
            || rows.len() != words.len() * self.core.dimension
        {
            return Err(damaged("sizes of the adaptation do not agree"));
        }
        number(words.clone())?;
        Ok(self.with_overlay(&words, rows, gains))
    }

    fn find(&self, term: &str) -> Place {
        if let Some(&row) = self.overlay.as_ref().and_then(|overlay| overlay.vocabulary.get(term)) {
            return Place::Desk(row);
        }
        self.core.vocabulary.get(term).map_or(Place::Unknown, |&row| Place::Word(row))
    }

    fn gains(&self, place: Place) -> [f32; 2] {
        match (place, &self.overlay) {
            (Place::Desk(row), Some(overlay)) => overlay.gains[row as usize],
            (Place::Word(row), _) => self.core.gains[row as usize],
            _ => [0.0; 2],
        }
    }

    /// Adds `count` times the vector of the term at `place`, weighted for `role` if given.
    fn add_term(&self, place: Place, term: &str, role: Option<Role>, count: f32, sum: &mut [f32]) {
        let weight = match role {
            None => count,
            Some(Role::Query) => count * self.gains(place)[0].exp(),
            Some(Role::Passage) => count * self.gains(place)[1].exp(),
        };
        match (place, &self.overlay) {
            (Place::Desk(row), Some(overlay)) => {
                let d = overlay.dimension;
                add_scaled(weight, &overlay.rows[row as usize * d..][..d], sum);
            }
            (Place::Word(row), _) => self.core.words.add(row, weight, sum),
            _ => self
                .core
                .subwords
                .visit(term, |piece, share| self.core.pieces.add(piece, weight * share, sum)),
        }
    }
}

/// Where a term's vector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Desk(u32),
    Word(u32),
    Unknown,
}

impl Embedder for StaticModel {
    fn light(&self) -> Option<&dyn Embedder> {
        Some(self)
    }

    fn dimension(&self) -> usize {
        self.core.dimension
    }

    fn embed(&self, text: &Text<'_>, role: Role) -> Vec<f32> {
        let mut sum = vec![0.0; self.core.dimension];
        let mut found: Vec<(Place, &str)> =
            text.terms.iter().map(|term| (self.find(term), term.as_str())).collect();
        // Known terms are told apart by their place alone: no strings are compared.
        found.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| if a.0 == Place::Unknown { a.1.cmp(b.1) } else { a.0.cmp(&b.0) })
        });
        for same in found.chunk_by(|a, b| a.0 == b.0 && (a.0 != Place::Unknown || a.1 == b.1)) {
            self.add_term(same[0].0, same[0].1, Some(role), damped(same.len() as f32), &mut sum);
        }
        if normalize(&mut sum) <= 1e-9 {
            sum.fill(0.0);
        }
        sum
    }

    fn fingerprint(&self) -> String {
        match &self.overlay {
            None => self.core.hash.clone(),
            Some(overlay) => format!("{}+{}", self.core.hash, overlay.hash),
        }
    }

    fn known_share(&self, terms: &[String]) -> f32 {
        let known = terms.iter().filter(|term| self.find(term) != Place::Unknown).count();
        if terms.is_empty() { 0.0 } else { known as f32 / terms.len() as f32 }
    }
}

fn number(words: Vec<String>) -> Result<HashMap<Box<str>, u32>, EmbedError> {
    let count = words.len();
    let numbered: HashMap<Box<str>, u32> = words.into_iter().map(String::into_boxed_str).zip(0..).collect();
    if numbered.len() == count { Ok(numbered) } else { Err(damaged("a word stands twice in the vocabulary")) }
}

fn rows(tensors: &SafeTensors<'_>, values: &str, scales: &str, dimension: usize) -> Result<Rows, EmbedError> {
    let scales = floats(tensors, scales)?;
    let values: Vec<i8> = small_integers(tensors, values)?;
    if values.len() == scales.len() * dimension {
        Ok(Rows { values, scales })
    } else {
        Err(damaged("rows of another size"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const DICTIONARY: &str = "unidic/test 1";

    /// A model of `words` with well-spread vectors.
    pub(crate) fn parts(words: &[&str], dimension: usize) -> ModelParts {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let subwords = Subwords::learn(&words, 300).expect("trains");
        let value = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 1000.0 - 1.0;
        ModelParts {
            dimension,
            word_rows: (0..words.len() * dimension).map(value).collect(),
            gains: (0..words.len()).map(|i| [0.1 * value(i), 0.1 * value(i + 50)]).collect(),
            piece_rows: (0..subwords.pieces() * dimension).map(|i| value(i + 77)).collect(),
            subwords,
            words,
            dictionary: DICTIONARY.to_owned(),
        }
    }

    pub(crate) fn terms(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    const WORDS: [&str; 7] = ["出金", "入金", "方法", "手数料", "口座", "口座番号", "無い"];

    fn open() -> (ModelParts, Vec<u8>, StaticModel) {
        let parts = parts(&WORDS, 24);
        let bytes = parts.to_bytes().expect("writes");
        let model = StaticModel::from_bytes(&bytes, DICTIONARY).expect("reads");
        (parts, bytes, model)
    }

    fn embed(model: &StaticModel, text: &str, role: Role) -> Vec<f32> {
        model.embed(&Text { raw: text, terms: &terms(text) }, role)
    }

    #[test]
    fn vectors_agree_with_the_formula_in_full_precision() {
        let (parts, _, model) = open();
        for (role, side) in [(Role::Query, 0), (Role::Passage, 1)] {
            let found = embed(&model, "出金 方法 出金 口座", role);
            let mut expected = vec![0.0; 24];
            for (word, count) in [(0, 2f32), (2, 1.0), (4, 1.0)] {
                add_scaled(
                    count.sqrt() * parts.gains[word][side].exp(),
                    &parts.word_rows[word * 24..][..24],
                    &mut expected,
                );
            }
            normalize(&mut expected);
            assert!(dot(&found, &expected) > 0.999, "{found:?} {expected:?}");
            assert!((dot(&found, &found) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn order_does_not_matter_and_unknown_words_use_their_parts() {
        let (_, _, model) = open();
        assert_eq!(
            embed(&model, "出金 手数料 方法", Role::Query),
            embed(&model, "方法 出金 手数料", Role::Query)
        );
        assert_eq!(embed(&model, "", Role::Query), vec![0.0; 24]);
        assert_eq!(embed(&model, "☃", Role::Query), vec![0.0; 24], "nothing known, no direction");
        assert!(model.token_vector("☃").is_none());
        let part = model.token_vector("金口").expect("has known kanji");
        assert!((dot(&part, &part) - 1.0).abs() < 1e-5);
        assert!(model.token_weight("出金") > 0.0);
        assert!((model.known_share(&terms("出金 ☃ 方法 謎")) - 0.5).abs() < 1e-6);
        assert_eq!(model.known_share(&[]), 0.0);
    }

    #[test]
    fn damaged_files_are_errors() {
        let (_, bytes, model) = open();
        for len in [0, 7, 8, 40, bytes.len() / 2, bytes.len() - 1] {
            assert!(
                matches!(StaticModel::from_bytes(&bytes[..len], DICTIONARY), Err(EmbedError::Damaged(_))),
                "{len}"
            );
        }
        let error = StaticModel::from_bytes(&bytes, "ipadic/x").err().expect("refused").to_string();
        assert!(error.contains("madoguchi dict build"), "{error}");
        for at in (0..bytes.len()).step_by(97) {
            let mut broken = bytes.clone();
            broken[at] ^= 0x55;
            if let Ok(broken) = StaticModel::from_bytes(&broken, DICTIONARY) {
                embed(&broken, "出金 方法 謎", Role::Query);
                assert_ne!(broken.fingerprint(), model.fingerprint());
            }
        }
    }

    #[test]
    fn an_overlay_survives_storage_and_knows_its_base() {
        let (_, _, model) = open();
        let adapted =
            model.with_overlay(&terms("出金 新語"), (0..48).map(|x| x as f32).collect(), vec![[0.0; 2]; 2]);
        assert_ne!(adapted.fingerprint(), model.fingerprint());
        assert_eq!(adapted.known_share(&terms("新語")), 1.0);
        let stored = adapted.overlay_bytes().expect("writes").expect("is adapted");
        let again = model.apply_overlay(&stored).expect("reads");
        assert_eq!(again.fingerprint(), adapted.fingerprint());
        assert_eq!(
            embed(&again, "出金 新語 方法", Role::Query),
            embed(&adapted, "出金 新語 方法", Role::Query)
        );
        let other = StaticModel::from_bytes(&parts(&WORDS[..6], 24).to_bytes().expect("writes"), DICTIONARY)
            .expect("reads");
        assert!(other.apply_overlay(&stored).is_err());
        assert!(model.apply_overlay(&stored[..stored.len() - 4]).is_err());
        assert!(model.overlay_bytes().expect("nothing to write").is_none());
    }
}
