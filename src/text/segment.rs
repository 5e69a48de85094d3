//! The only user of lindera: segmentation with a built dictionary, the desk's own words, two character filters, and
//! the call that builds a dictionary. Everything lindera-specific ends here.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lindera::mode::Mode;
use lindera::segmenter::Segmenter as LinderaSegmenter;
use lindera::worker::SegmentWorker;
use lindera_analysis::character_filter::CharacterFilter;
use lindera_analysis::character_filter::japanese_iteration_mark::JapaneseIterationMarkCharacterFilter;
use lindera_analysis::character_filter::unicode_normalize::{
    UnicodeNormalizeCharacterFilter, UnicodeNormalizeKind,
};
use lindera_dictionary::builder::DictionaryBuilder;
use lindera_dictionary::dictionary::metadata::Metadata;
use lindera_dictionary::dictionary::schema::Schema;
use lindera_dictionary::dictionary::{DetailFields, Dictionary};

/// What a built dictionary says of a word, in this order. Both sources are brought to these fields when they are
/// built, so that nothing at run time depends on which one is in use.
pub(super) const FIELDS: [&str; 8] =
    ["pos1", "pos2", "pos3", "conjugation_type", "conjugation_form", "lemma", "lemma_reading", "reading"];

/// Longest run of unknown characters taken as one word, beyond the first; MeCab's own default.
const LONGEST_UNKNOWN: usize = 24;

/// One segment of a text with the fields of its dictionary entry; absent fields are empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub start: usize,
    pub end: usize,
    pub origin: Origin,
    pub pos1: &'a str,
    pub pos2: &'a str,
    pub lemma: &'a str,
    pub lemma_reading: &'a str,
    pub reading: &'a str,
}

/// Where the word of a [`Piece`] was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Dictionary,
    UserTerm,
    Unknown,
}

/// A word of the desk for the segmenter: lower costs win against the dictionary more often.
#[derive(Debug, Clone)]
pub(super) struct UserWord {
    pub surface: String,
    pub cost: i16,
}

/// A dictionary, ready to segment, with buffers that threads borrow in turn.
pub(super) struct Segmenter {
    lindera: LinderaSegmenter,
    idle: Mutex<Vec<SegmentWorker>>,
}

impl Segmenter {
    /// Maps the dictionary folder `path`; nothing is read until text arrives.
    pub fn open(path: &Path) -> Result<Self, String> {
        let dictionary = Dictionary::load_from_path(path).map_err(|err| err.to_string())?;
        if dictionary.metadata.dictionary_schema.get_custom_fields() != FIELDS {
            return Err("its words do not have the expected fields".into());
        }
        Ok(Self::over(LinderaSegmenter::new(Mode::Normal, dictionary, None)))
    }

    /// The same dictionary with `words` added; an empty list gives a plain copy.
    pub fn with_words(&self, words: &[UserWord]) -> Result<Self, String> {
        let dictionary = self.lindera.dictionary.clone();
        if words.is_empty() {
            return Ok(Self::over(LinderaSegmenter::new(Mode::Normal, dictionary, None)));
        }
        let metadata = &dictionary.metadata;
        let (left, right) = (metadata.default_left_context_id, metadata.default_right_context_id);
        let mut rows = csv::Writer::from_writer(Vec::new());
        for word in words {
            let mut row =
                vec![word.surface.clone(), left.to_string(), right.to_string(), word.cost.to_string()];
            row.resize(4 + FIELDS.len(), "*".to_owned());
            rows.write_record(&row).map_err(|err| err.to_string())?;
        }
        let rows = rows.into_inner().map_err(|err| err.to_string())?;
        let user = DictionaryBuilder::new(Metadata::clone(metadata))
            .build_user_dict_from_reader(rows.as_slice())
            .map_err(|err| err.to_string())?;
        Ok(Self::over(LinderaSegmenter::new(Mode::Normal, dictionary, Some(user))))
    }

    fn over(lindera: LinderaSegmenter) -> Self {
        Self { lindera: lindera.max_grouping_len(Some(LONGEST_UNKNOWN)), idle: Mutex::new(Vec::new()) }
    }

    /// Segments normalised `text` and hands the pieces to `visit`, without white space. A dictionary that fails on a
    /// text yields no pieces; the caller falls back to characters.
    pub fn segment<R>(&self, text: &str, visit: impl FnOnce(&[Piece<'_>]) -> R) -> R {
        if text.is_empty() {
            return visit(&[]);
        }
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = idle().pop();
        let mut worker = worker.unwrap_or_else(|| self.lindera.new_worker());
        let result = match worker.segment(text) {
            Ok(tokens) => {
                let pieces: Vec<Piece<'_>> = tokens
                    .iter()
                    .map(|token| {
                        let id = token.word_id.id() as usize;
                        let (origin, fields) = if token.word_id.is_unknown() {
                            (Origin::Unknown, token.dictionary.unknown_word_details_iter(id))
                        } else if token.word_id.is_system() {
                            (Origin::Dictionary, token.dictionary.word_details_iter(id))
                        } else {
                            (Origin::UserTerm, DetailFields::empty())
                        };
                        piece(token.byte_start, token.byte_end, origin, fields)
                    })
                    .collect();
                visit(&pieces)
            }
            Err(error) => {
                tracing::warn!(%error, "segmentation failed");
                visit(&[])
            }
        };
        idle().push(worker);
        result
    }
}

fn piece<'a>(start: usize, end: usize, origin: Origin, mut fields: DetailFields<'a>) -> Piece<'a> {
    let mut next = || fields.next().filter(|field| *field != "*").unwrap_or_default();
    let (pos1, pos2, _pos3, _type, _form) = (next(), next(), next(), next(), next());
    Piece { start, end, origin, pos1, pos2, lemma: next(), lemma_reading: next(), reading: next() }
}

/// Unicode NFKC, in place.
pub(super) fn compatibility_form(text: &mut String) {
    let filter = UnicodeNormalizeCharacterFilter::new(UnicodeNormalizeKind::NFKC);
    apply(&filter, text);
}

/// Writes out kana iteration marks (`いすゞ` → `いすず`), in place. Kanji keep `々`: the dictionaries spell 人々 so.
pub(super) fn expand_iteration_marks(text: &mut String) {
    let filter = JapaneseIterationMarkCharacterFilter::new(false, true);
    apply(&filter, text);
}

fn apply(filter: &dyn CharacterFilter, text: &mut String) {
    if let Err(error) = filter.apply(text) {
        // These filters have no failing path; the text simply stays as it is.
        tracing::warn!(%error, "character filter failed");
    }
}

/// What the builder needs besides the files in the source folder.
pub(super) struct DictionarySource<'a> {
    /// Name written into the dictionary.
    pub name: &'a str,
    /// Folder with lexicon CSV files, char.def, unk.def and matrix.def in UTF-8.
    pub folder: &'a Path,
    /// Left and right context of the desk's own words: those of an ordinary proper noun.
    pub noun_context: (u16, u16),
}

/// Builds a dictionary folder with lindera's own builder.
pub(super) fn build(source: &DictionarySource<'_>, out: &Path) -> Result<(), String> {
    let common = ["surface", "left_context_id", "right_context_id", "cost"];
    let schema = |fields: &mut dyn Iterator<Item = &str>| Schema::new(fields.map(str::to_owned).collect());
    let mut metadata = Metadata {
        name: source.name.to_owned(),
        dictionary_schema: schema(&mut common.into_iter().chain(FIELDS)),
        user_dictionary_schema: schema(&mut ["surface", "pos1", "reading"].into_iter()),
        ..Metadata::default()
    };
    (metadata.default_left_context_id, metadata.default_right_context_id) = source.noun_context;
    DictionaryBuilder::new(metadata).build_dictionary(source.folder, out).map_err(|err| err.to_string())
}
