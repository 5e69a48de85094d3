//! The [`Analyzer`]: one path from text to tokens, shared by [`Analyzer::analyze`] and the faster
//! [`Analyzer::terms`], so that index, query and training can never disagree.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::function_words::{is_content, weight};
use super::latin::{self, LatinWord};
use super::normalize::normalize;
use super::script::{is_kana, is_kanji};
use super::segment::{Origin, Piece, Segmenter, UserWord};
use super::synonyms::SynonymTable;
use super::{
    Analysis, DictionaryInfo, DictionaryKind, Language, TextError, Token, UserTerm, Vocabulary, dictionary,
};

/// Raised whenever the same dictionary and vocabulary give other terms; indexes and models carry it.
pub const ANALYZER_VERSION: u32 = 3;

/// Cost of a desk term that lost against its own parts at [`term_cost`].
const STUBBORN_TERM_COST: i16 = -15000;

const LATIN_POS: (&str, &str) = ("名詞", "外来語");
const NUMBER_POS: (&str, &str) = ("名詞", "数詞");

/// Turns text into tokens. One per dictionary and vocabulary, shared between threads.
pub struct Analyzer {
    segmenter: Segmenter,
    terms: DeskTerms,
    synonyms: SynonymTable,
    info: DictionaryInfo,
    fingerprint: String,
}

impl Analyzer {
    /// Opens the built dictionary in the folder `dictionary`, such as models/dict/unidic, with the desk's vocabulary.
    ///
    /// # Errors
    /// When the folder has no dictionary, a damaged one, or one built by another version.
    pub fn open(dictionary: &Path, vocabulary: &Vocabulary) -> Result<Self, TextError> {
        let info = dictionary::read_info(dictionary)?;
        let plain = Segmenter::open(dictionary)
            .map_err(|reason| TextError::Damaged { path: dictionary.to_owned(), reason })?;
        let fingerprint = fingerprint(&info, vocabulary);
        let mut analyzer = Self {
            segmenter: plain,
            terms: DeskTerms::default(),
            synonyms: SynonymTable::default(),
            info,
            fingerprint,
        };
        analyzer.add_terms(&vocabulary.terms)?;
        let groups = vocabulary.synonyms.iter().map(|group| {
            group.members.iter().map(|member| analyzer.scan(&normalize(member), own_terms)).collect()
        });
        analyzer.synonyms = SynonymTable::new(groups.collect::<Vec<_>>());
        Ok(analyzer)
    }

    /// Opens the best dictionary below `root`, such as models/dict: UniDic if it is there, else IPADIC.
    ///
    /// # Errors
    /// As [`Analyzer::open`]; when neither is there, the error names how to build one.
    pub fn open_default(root: &Path, vocabulary: &Vocabulary) -> Result<Self, TextError> {
        let folder = [DictionaryKind::Unidic, DictionaryKind::Ipadic]
            .map(|kind| root.join(kind.folder()))
            .into_iter()
            .find(|folder| folder.is_dir())
            .ok_or_else(|| TextError::Missing { path: root.to_owned() })?;
        Self::open(&folder, vocabulary)
    }

    /// Analyses `text` in full.
    pub fn analyze(&self, text: &str) -> Analysis {
        let normalized = normalize(text);
        let (tokens, expansions) = self.scan(&normalized, |items| {
            let tokens: Vec<Token> =
                items.iter().map(|item| item.to_token(&normalized, &self.terms)).collect();
            (tokens, self.expand(items))
        });
        let language = language(&normalized);
        Analysis { normalized, tokens, expansions, language }
    }

    /// Index terms only: the same as `analyze(text).terms()`, without building tokens.
    pub fn terms(&self, text: &str) -> Vec<String> {
        self.scan(&normalize(text), |items| {
            let mut out = Vec::with_capacity(items.len());
            for item in items.iter().filter(|item| item.content) {
                out.push(item.term.clone().into_owned());
                if let Some(term) = item.desk_term {
                    out.extend_from_slice(&self.terms.list[term].parts);
                }
            }
            out
        })
    }

    /// The dictionary in use.
    pub fn dictionary(&self) -> &DictionaryInfo {
        &self.info
    }

    /// A hash of everything that decides which terms a text has: dictionary, vocabulary and this code's version.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Takes in the desk's terms, then analyses their parts: a part that is itself a term of the desk counts as such,
    /// and brings its own parts along.
    fn add_terms(&mut self, terms: &[UserTerm]) -> Result<(), TextError> {
        let mut desk = DeskTerms::default();
        // Shorter terms first, so that the parts of a part are known when it is needed.
        let mut ordered: Vec<(String, &UserTerm)> = terms
            .iter()
            .map(|term| (normalize(&term.surface), term))
            .filter(|(surface, _)| !surface.is_empty())
            .collect();
        ordered.sort_by_key(|(surface, _)| surface.len());
        for (surface, term) in &ordered {
            desk.add(surface, term);
        }
        self.segmenter = self.segmenter_with(&desk)?;
        self.terms = desk;
        for (surface, term) in &ordered {
            let mut parts: Vec<String> = Vec::new();
            for found in term.parts.iter().flat_map(|part| self.terms(part)) {
                if found != *surface && !parts.contains(&found) {
                    parts.push(found);
                }
            }
            if let Some(&index) = self.terms.by_surface.get(surface)
                && self.terms.list[index].parts.is_empty()
            {
                self.terms.list[index].parts = parts;
            }
        }
        Ok(())
    }

    /// The dictionary with the desk's terms, each at a cost that makes it one segment.
    fn segmenter_with(&self, desk: &DeskTerms) -> Result<Segmenter, TextError> {
        let mut words: Vec<UserWord> = desk
            .list
            .iter()
            .filter(|term| !term.latin)
            .map(|term| UserWord { surface: term.surface.clone(), cost: term_cost(&term.surface) })
            .collect();
        let with = |words: &[UserWord]| self.segmenter.with_words(words).map_err(TextError::Terms);
        let segmenter = with(&words)?;
        let mut lost = false;
        for word in &mut words {
            let whole = segmenter
                .segment(&word.surface, |pieces| matches!(pieces, [only] if only.origin == Origin::UserTerm));
            if !whole {
                word.cost = STUBBORN_TERM_COST;
                lost = true;
            }
        }
        if lost { with(&words) } else { Ok(segmenter) }
    }

    fn expand(&self, items: &[Item<'_>]) -> Vec<super::Expansion> {
        if self.synonyms.is_empty() {
            return Vec::new();
        }
        let numbered: Vec<(usize, &str)> = items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.content)
            .map(|(index, item)| (index, item.term.as_ref()))
            .collect();
        self.synonyms.expand(&numbered)
    }

    /// The one path from normalised text to tokens.
    fn scan<R>(&self, text: &str, visit: impl FnOnce(&[Item<'_>]) -> R) -> R {
        let words = if text.bytes().any(|b| b.is_ascii_alphanumeric()) || text.contains(latin::is_latin) {
            latin::words(text)
        } else {
            Vec::new()
        };
        let words = self.terms.join_latin(text, words);
        let japanese = text.chars().any(is_japanese);
        let finish = |pieces: &[Piece<'_>]| {
            let mut items = merge(text, pieces, &words, &self.terms);
            if !japanese {
                for item in items.iter_mut().filter(|item| item.desk_term.is_none()) {
                    item.content &= !latin::is_stop_word(&text[item.start..item.end]);
                }
            }
            ensure_content(text, &mut items);
            visit(&items)
        };
        // Text in plain English needs no dictionary.
        if text.is_ascii() && !words.is_empty() { finish(&[]) } else { self.segmenter.segment(text, finish) }
    }
}

/// The desk's terms, by surface.
#[derive(Default)]
struct DeskTerms {
    list: Vec<DeskTerm>,
    by_surface: HashMap<String, usize>,
    /// First Latin word of a Latin term → the terms that begin with it, longest first.
    by_latin_word: HashMap<String, Vec<usize>>,
}

struct DeskTerm {
    surface: String,
    pos: String,
    reading: String,
    parts: Vec<String>,
    /// Latin terms are found by rule, at word boundaries, and stay out of the dictionary: `eth` is not in `method`.
    latin: bool,
}

/// A Latin word, or a desk term in Latin script.
#[derive(Clone, Copy)]
struct LatinSpan {
    word: LatinWord,
    desk_term: Option<usize>,
}

impl DeskTerms {
    /// Adds a term with its normalised surface; the first of equal surfaces stays.
    fn add(&mut self, surface: &str, term: &UserTerm) {
        if self.by_surface.contains_key(surface) {
            return;
        }
        let words = latin::words(surface);
        let latin = surface.is_ascii() && !words.is_empty();
        let index = self.list.len();
        if latin {
            let first = surface[words[0].start..words[0].end].to_owned();
            // Terms come shortest first and the longest is tried first.
            self.by_latin_word.entry(first).or_default().insert(0, index);
        }
        self.by_surface.insert(surface.to_owned(), index);
        let pos = if term.pos.is_empty() { "名詞-固有名詞".to_owned() } else { term.pos.clone() };
        let (surface, reading) = (surface.to_owned(), term.reading.clone());
        self.list.push(DeskTerm { surface, pos, reading, parts: Vec::new(), latin });
    }

    /// Joins Latin words that form a desk term; a plural counts as its singular (`nfts`).
    fn join_latin(&self, text: &str, words: Vec<LatinWord>) -> Vec<LatinSpan> {
        let mut out: Vec<LatinSpan> = Vec::with_capacity(words.len());
        let mut covered = 0;
        for word in &words {
            if word.start < covered {
                continue;
            }
            let surface = &text[word.start..word.end];
            let mut span = LatinSpan { word: *word, desk_term: None };
            if !self.by_latin_word.is_empty() {
                let starts = self.by_latin_word.get(surface).into_iter().flatten().copied();
                let ends_word = |end: usize| {
                    words.iter().any(|word| word.end == end) && !text[end..].starts_with(latin::is_latin)
                };
                let exact = starts.into_iter().find(|&term| {
                    let surface = &self.list[term].surface;
                    text[word.start..].starts_with(surface.as_str()) && ends_word(word.start + surface.len())
                });
                let stem = latin::term(surface, word.number);
                let found = exact.or_else(|| {
                    self.by_surface.get(stem.as_ref()).copied().filter(|&term| self.list[term].latin)
                });
                if let Some(term) = found {
                    let end =
                        if exact.is_some() { word.start + self.list[term].surface.len() } else { word.end };
                    span =
                        LatinSpan { word: LatinWord { end, number: false, ..*word }, desk_term: Some(term) };
                }
            }
            covered = span.word.end;
            out.push(span);
        }
        out
    }
}

/// A token before anything is copied.
struct Item<'a> {
    start: usize,
    end: usize,
    term: Cow<'a, str>,
    reading: &'a str,
    pos1: &'a str,
    pos2: &'a str,
    content: bool,
    known: bool,
    desk_term: Option<usize>,
}

impl Item<'_> {
    fn to_token(&self, text: &str, terms: &DeskTerms) -> Token {
        let desk_term = self.desk_term.map(|term| &terms.list[term]);
        let pos = match desk_term {
            Some(term) => term.pos.clone(),
            None if self.pos2.is_empty() => self.pos1.to_owned(),
            None => format!("{}-{}", self.pos1, self.pos2),
        };
        Token {
            surface: text[self.start..self.end].to_owned(),
            term: self.term.clone().into_owned(),
            reading: desk_term.map_or(self.reading, |term| &term.reading).to_owned(),
            pos,
            start: self.start,
            end: self.end,
            content: self.content,
            parts: desk_term.map(|term| term.parts.clone()).unwrap_or_default(),
            known: self.known,
        }
    }
}

/// Index terms of content tokens, without parts.
fn own_terms(items: &[Item<'_>]) -> Vec<String> {
    items.iter().filter(|item| item.content).map(|item| item.term.clone().into_owned()).collect()
}

/// Lays Latin words over the dictionary's pieces. A piece with other characters beside the Latin ones wins (`tシャツ`,
/// `btc建て`); otherwise the Latin word does.
fn merge<'a>(text: &'a str, pieces: &[Piece<'a>], words: &[LatinSpan], terms: &DeskTerms) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(pieces.len() + words.len());
    let mut words = words.iter().peekable();
    let mut done = 0;
    for piece in pieces {
        while let Some(span) = words.next_if(|span| span.word.end <= piece.start) {
            done = push_latin(text, span, done, terms, &mut items);
        }
        if piece.end <= done {
            continue;
        }
        let Some(span) = words.peek().filter(|span| span.word.start < piece.end) else {
            items.push(dictionary_item(text, piece, terms));
            done = piece.end;
            continue;
        };
        let surface = &text[piece.start..piece.end];
        let mixed = surface.chars().any(is_japanese) && piece.start >= done;
        if mixed {
            if span.word.start < piece.start {
                let before = LatinSpan { word: LatinWord { end: piece.start, ..span.word }, desk_term: None };
                push_latin(text, &before, done, terms, &mut items);
            }
            items.push(dictionary_item(text, piece, terms));
            done = piece.end;
        } else if piece.start < span.word.start && piece.start >= done {
            // Punctuation that the dictionary joined to the word after it.
            let before = Piece { end: span.word.start, origin: Origin::Unknown, ..*piece };
            items.push(dictionary_item(text, &before, terms));
            done = span.word.start;
        }
    }
    for span in words {
        done = push_latin(text, span, done, terms, &mut items);
    }
    items
}

/// Adds what of `span` lies behind `done`, and returns how far the text is now covered.
fn push_latin<'a>(
    text: &'a str,
    span: &LatinSpan,
    done: usize,
    terms: &DeskTerms,
    items: &mut Vec<Item<'a>>,
) -> usize {
    let (start, end) = (span.word.start.max(done), span.word.end);
    if start >= end {
        return done;
    }
    let surface = &text[start..end];
    let desk_term = span.desk_term.filter(|_| start == span.word.start);
    let (pos1, pos2) = if span.word.number { NUMBER_POS } else { LATIN_POS };
    let term = match desk_term {
        Some(term) => Cow::Owned(terms.list[term].surface.clone()),
        None => latin::term(surface, span.word.number),
    };
    items.push(Item {
        start,
        end,
        term,
        reading: "",
        pos1,
        pos2,
        content: true,
        known: desk_term.is_some() || span.word.number,
        desk_term,
    });
    end
}

fn dictionary_item<'a>(text: &'a str, piece: &Piece<'a>, terms: &DeskTerms) -> Item<'a> {
    let surface = &text[piece.start..piece.end];
    let desk_term =
        if piece.origin == Origin::UserTerm { terms.by_surface.get(surface).copied() } else { None };
    let lemma =
        if piece.origin == Origin::Dictionary && !piece.lemma.is_empty() { piece.lemma } else { surface };
    Item {
        start: piece.start,
        end: piece.end,
        term: Cow::Borrowed(lemma),
        reading: if piece.lemma_reading.is_empty() { piece.reading } else { piece.lemma_reading },
        pos1: piece.pos1,
        pos2: piece.pos2,
        content: desk_term.is_some() || is_content(piece.pos1, piece.pos2, lemma),
        known: piece.origin != Origin::Unknown,
        desk_term,
    }
}

/// Nothing a customer writes may vanish: without a content word the other words count, without words grammar, then
/// punctuation, and without tokens all characters.
fn ensure_content<'a>(text: &'a str, items: &mut Vec<Item<'a>>) {
    if items.iter().any(|item| item.content) {
        return;
    }
    if items.is_empty() {
        items.extend(text.char_indices().filter(|(_, c)| !c.is_whitespace()).map(|(start, c)| {
            let end = start + c.len_utf8();
            Item {
                start,
                end,
                term: Cow::Borrowed(&text[start..end]),
                reading: "",
                pos1: "補助記号",
                pos2: "",
                content: true,
                known: false,
                desk_term: None,
            }
        }));
        return;
    }
    let most = items.iter().map(|item| weight(item.pos1)).max();
    for item in items {
        item.content = Some(weight(item.pos1)) == most;
    }
}

/// Cost of a desk term in the segmenter's lattice. Cheap enough to win against its own parts, dear enough not to cut a
/// longer word of the dictionary: フィー must not be found in フィード. Longer terms are cheaper, so that
/// 紛争解決センター wins against 紛争解決.
fn term_cost(surface: &str) -> i16 {
    let length = surface.chars().count().min(20) as i16;
    -1000 - 400 * length
}

fn is_japanese(c: char) -> bool {
    is_kana(c) || is_kanji(c) || c == 'ー'
}

fn language(normalized: &str) -> Language {
    if normalized.chars().any(is_japanese) {
        return Language::Ja;
    }
    if !normalized.chars().any(char::is_alphabetic) {
        return Language::Other;
    }
    // A detector is unsure of a few words, so English function words and short ASCII text speak for English first.
    let english = || {
        let words = latin::words(normalized);
        words.len() < 4
            || words.iter().any(|word| latin::is_english_marker(&normalized[word.start..word.end]))
    };
    match whatlang::detect(normalized) {
        Some(found) if found.lang() == whatlang::Lang::Eng => Language::En,
        Some(found) if found.is_reliable() => Language::Other,
        _ if normalized.is_ascii() && english() => Language::En,
        _ => Language::Other,
    }
}

fn fingerprint(info: &DictionaryInfo, vocabulary: &Vocabulary) -> String {
    let mut hash = Sha256::new();
    let mut add = |field: &str| {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    };
    add(&ANALYZER_VERSION.to_string());
    add(&info.hash);
    for group in &vocabulary.synonyms {
        add("synonyms");
        group.members.iter().for_each(|member| add(member));
    }
    for term in &vocabulary.terms {
        add("term");
        [&term.surface, &term.pos, &term.reading].into_iter().for_each(|field| add(field));
        term.parts.iter().for_each(|part| add(part));
    }
    hex::encode(hash.finalize())
}
