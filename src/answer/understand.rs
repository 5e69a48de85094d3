//! First step: what was asked. Analysis, language, the desk's synonyms, and what the conversation was about.

use std::ops::Range;

use crate::answer::Context;
use crate::index::documents::{Documents, TermId, gram_hashes, hashes};
use crate::index::sounds;
use crate::kb::{Language, Snapshot};
use crate::text::script::{hiragana, is_kanji, katakana};
use crate::text::{self, Analysis, Analyzer, Token};

/// A question with at most this many content terms hardly stands on its own.
const TERSE: usize = 4;

/// One thing asked for: a term of the question and what may stand for it.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedTerm {
    /// Index term.
    pub term: String,
    /// Its number, if any entry holds it.
    pub id: Option<TermId>,
    /// Other wordings by the desk's synonyms, each a sequence of terms; a term no entry holds drops the wording.
    pub alternatives: Vec<Vec<TermId>>,
    /// Inverse document frequency: what the term counts for.
    pub idf: f32,
}

/// A question, understood.
#[derive(Debug, Clone)]
pub struct Question {
    /// Raw text, as the embedder's tokeniser wants it.
    pub raw: String,
    /// Normalised text.
    pub normalized: String,
    /// The same with the words that were heard in it written out, for whatever looks at the text again.
    pub as_read: String,
    /// Terms in order, repeated ones too, synonyms left out.
    pub terms: Vec<String>,
    /// Distinct terms with statistics and synonyms.
    pub asked: Vec<AskedTerm>,
    /// Character grams.
    pub grams: Vec<String>,
    /// Reading grams.
    pub readings: Vec<String>,
    /// Sorted hashes of the reading grams.
    pub reading_hashes: Vec<u32>,
    /// Sorted hashes of the grams.
    pub gram_hashes: Vec<u32>,
    /// Language of the question.
    pub language: Language,
    /// Synonyms used, as `term → wordings`, for the Trace.
    pub expansions: Vec<String>,
}

impl Question {
    /// Understands `text` on its own.
    pub fn new(text: &str, analyzer: &Analyzer, documents: &Documents, fallback: Option<Language>) -> Self {
        let mut analysis = respelled(analyzer.analyze(text), analyzer);
        let normalized = analysis.normalized.clone();
        let heard = heard(&analysis, documents);
        if !heard.is_empty() {
            analysis = analyzer.analyze(&as_read(&normalized, &heard, documents));
        }
        let readings = analysis.reading_grams();
        let language = match analysis.language {
            text::Language::Ja => Language::Ja,
            text::Language::En => Language::En,
            text::Language::Other => fallback.unwrap_or_else(|| unsure(&analysis)),
        };
        let mut question = Self {
            raw: text.to_owned(),
            gram_hashes: gram_hashes(&analysis.normalized),
            grams: analysis.grams(),
            reading_hashes: hashes(&readings),
            readings,
            asked: Vec::new(),
            expansions: Vec::new(),
            language,
            terms: analysis.terms().map(str::to_owned).collect(),
            normalized,
            as_read: String::new(),
        };
        question.add_terms(documents);
        question.add_homophones(&heard, documents);
        question.add_expansions(&analysis, documents);
        question.as_read = analysis.normalized;
        question
    }

    /// Whether the question says enough to be what later turns refer to.
    pub fn stands_alone(&self) -> bool {
        self.terms.len() > TERSE
    }

    fn add_terms(&mut self, documents: &Documents) {
        for term in &self.terms {
            if !self.asked.iter().any(|asked| asked.term == *term) {
                let id = documents.term_id(term);
                let idf = documents.idf(id);
                self.asked.push(AskedTerm { term: term.clone(), id, alternatives: Vec::new(), idf });
            }
        }
    }

    /// The less frequent words of a sound may stand for the most frequent one.
    fn add_homophones(&mut self, heard: &[HeardAt], documents: &Documents) {
        for heard in heard {
            let term = documents.term(heard.terms[0]);
            let others = heard.terms[1..].iter().map(|id| vec![*id]);
            if let Some(asked) = self.asked.iter_mut().find(|asked| asked.term == term) {
                asked.alternatives.extend(others);
            }
            let names: Vec<&str> = heard.terms.iter().map(|id| documents.term(*id)).collect();
            self.expansions.push(format!("{} → {}", heard.kana, names.join(", ")));
        }
    }

    fn add_expansions(&mut self, analysis: &Analysis, documents: &Documents) {
        for expansion in &analysis.expansions {
            let heads: Vec<&str> =
                analysis.tokens[expansion.from.clone()].iter().map(|token| token.term.as_str()).collect();
            let known: Vec<Vec<TermId>> = expansion
                .alternatives
                .iter()
                .filter_map(|wording| wording.iter().map(|term| documents.term_id(term)).collect())
                .collect();
            let wordings: Vec<String> =
                expansion.alternatives.iter().map(|wording| wording.concat()).collect();
            self.expansions.push(format!("{} → {}", heads.concat(), wordings.join(", ")));
            for asked in self.asked.iter_mut().filter(|asked| heads.contains(&asked.term.as_str())) {
                asked.alternatives.extend(known.iter().cloned());
            }
        }
    }
}

/// A word heard in the question.
struct HeardAt {
    /// Bytes of the normalised text.
    at: Range<usize>,
    kana: String,
    terms: Vec<TermId>,
}

/// The language to answer in when the text's own is not clear: a few Latin words are somebody who does not write Japanese.
fn unsure(analysis: &Analysis) -> Language {
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(char::is_alphabetic);
    if analysis.normalized.split_whitespace().filter(is_word).count() >= 3 {
        Language::En
    } else {
        Language::Ja
    }
}

/// The text with the heard words in the place of their kana.
fn as_read(normalized: &str, heard: &[HeardAt], documents: &Documents) -> String {
    let mut text = normalized.to_owned();
    for word in heard.iter().rev() {
        text.replace_range(word.at.clone(), documents.term(word.terms[0]));
    }
    text
}

/// A question without kanji whose katakana the dictionary does not know, most often half-width kana, is read again in
/// hiragana: 「ヒッコシマシタ」 is one unknown word, 「ひっこしました」 a verb and two auxiliaries.
fn respelled(analysis: Analysis, analyzer: &Analyzer) -> Analysis {
    let text = &analysis.normalized;
    if text.chars().any(is_kanji) {
        return analysis;
    }
    let is_katakana = |word: &str| word.chars().all(|c| katakana(c) == Some(c));
    let strange = analysis.tokens.iter().filter(|token| !token.known && is_katakana(&token.surface));
    let mut spelled = text.clone();
    let mut is_other = false;
    for token in strange {
        let word: String = token.surface.chars().map(hiragana).collect();
        // Both scripts take three bytes a character, so that the offsets stay.
        if word.len() == token.surface.len() {
            spelled.replace_range(token.start..token.end, &word);
            is_other = true;
        }
    }
    if is_other { analyzer.analyze(&spelled) } else { analysis }
}

/// Listens where reading does not help: to a question without kanji, as a whole, and to words that no entry has.
fn heard(analysis: &Analysis, documents: &Documents) -> Vec<HeardAt> {
    if analysis.language == text::Language::En {
        return Vec::new();
    }
    let text = analysis.normalized.as_str();
    if text.chars().any(is_kanji) {
        misspelt(analysis, documents)
    } else {
        kana_only(text).flat_map(|stretch| stretch.hear_words(analysis, documents)).collect()
    }
}

/// A stretch of the text as it sounds: katakana, each character with the bytes it stands for.
#[derive(Default)]
struct Stretch {
    kana: Vec<char>,
    at: Vec<Range<usize>>,
}

/// From this length on a word is believed wherever it begins and ends.
const UNMISTAKABLE: usize = 5;

impl Stretch {
    fn push(&mut self, kana: char, at: Range<usize>) {
        self.kana.push(kana);
        self.at.push(at);
    }

    fn found(&self, words: Vec<sounds::Heard>) -> impl Iterator<Item = HeardAt> {
        words.into_iter().map(|word| HeardAt {
            at: self.at[word.at.start].start..self.at[word.at.end - 1].end,
            kana: self.kana[word.at].iter().collect(),
            terms: word.terms,
        })
    }

    /// Words of a text in kana; a short one begins and ends where the dictionary sees words too.
    fn hear_words(self, analysis: &Analysis, documents: &Documents) -> Vec<HeardAt> {
        let begins = |byte: usize| analysis.tokens.iter().any(|t| t.start == byte && (t.content || !t.known));
        let ends = |byte: usize| analysis.tokens.iter().any(|t| t.end == byte);
        let is_word = |word: &Range<usize>| {
            word.len() >= UNMISTAKABLE
                || (begins(self.at[word.start].start) && ends(self.at[word.end - 1].end))
        };
        let words = documents.sounds().hear(&self.kana, &is_word);
        self.found(words).collect()
    }
}

/// Words that no entry has, with their neighbours, when they sound like one the desk knows: wrong conversions.
fn misspelt(analysis: &Analysis, documents: &Documents) -> Vec<HeardAt> {
    let is_strange = |token: &Token| token.content && documents.term_id(&token.term).is_none();
    let sound = |token: &Token| -> Option<Vec<char>> {
        let kana: Option<Vec<char>> = token.surface.chars().map(katakana).collect();
        kana.or_else(|| token.reading.chars().map(katakana).collect()).filter(|kana| !kana.is_empty())
    };
    let tokens = &analysis.tokens;
    let mut out: Vec<HeardAt> = Vec::new();
    for (i, _) in tokens.iter().enumerate().filter(|(_, token)| is_strange(token)) {
        // The longest run of touching words around this one that sounds like a word of the desk.
        let runs =
            (i.saturating_sub(2)..=i).flat_map(|from| (i..tokens.len().min(i + 3)).map(move |to| (from, to)));
        let words = runs.filter_map(|(from, to)| {
            let run = &tokens[from..=to];
            let touches = run.windows(2).all(|pair| pair[0].end == pair[1].start && pair[1].content);
            let kana: Vec<char> = run.iter().map(sound).collect::<Option<Vec<_>>>()?.concat();
            let terms = documents.sounds().word(&kana).filter(|_| touches && run[0].content)?;
            Some(HeardAt {
                at: run[0].start..tokens[to].end,
                kana: kana.iter().collect(),
                terms: terms.to_vec(),
            })
        });
        let longest = words.max_by_key(|word| word.kana.len());
        out.extend(longest.filter(|word| out.last().is_none_or(|last| last.at.end <= word.at.start)));
    }
    out
}

/// Stretches of kana in a text.
fn kana_only(text: &str) -> impl Iterator<Item = Stretch> {
    let mut stretches = vec![Stretch::default()];
    for (at, c) in text.char_indices() {
        match (katakana(c), stretches.last_mut()) {
            (Some(kana), Some(stretch)) => stretch.push(kana, at..at + c.len_utf8()),
            _ => stretches.push(Stretch::default()),
        }
    }
    stretches.into_iter().filter(|stretch| !stretch.kana.is_empty())
}

/// What the conversation was about: the entry last answered and the last question that stood on its own.
pub(super) fn context_text(context: &Context, snapshot: &Snapshot) -> Option<String> {
    let entry = context.last_entry.as_deref().and_then(|id| snapshot.entry(id));
    match (entry, &context.last_question) {
        (None, None) => None,
        (entry, question) => {
            let parts = [entry.map(|entry| entry.question.as_str()), question.as_deref()];
            Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
    }
}
