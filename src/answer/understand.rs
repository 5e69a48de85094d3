//! First step: what was asked. Analysis, language, must-hand-off rules, small talk, and how a follow-up turn such as
//! 「手数料は？」 is completed from the conversation.

use crate::answer::{Ask, Context};
use crate::index::documents::{Documents, TermId, gram_hashes, hashes};
use crate::kb::{Language, Snapshot};
use crate::text::{self, Analysis, Analyzer};

/// Weight of a term taken from the conversation instead of the question itself.
const CONTEXT_WEIGHT: f32 = 0.6;

/// A question with at most this many content terms may be a follow-up.
const FOLLOW_UP_TERMS: usize = 4;

/// One thing asked for: a term of the question and what may stand for it.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedTerm {
    /// Index term.
    pub term: String,
    /// Its number, if any entry holds it.
    pub id: Option<TermId>,
    /// Other wordings by the desk's synonyms, each a sequence of terms; a term no entry holds drops the wording.
    pub alternatives: Vec<Vec<TermId>>,
    /// 1 for the question's own terms, less for terms from the conversation.
    pub weight: f32,
    /// Inverse document frequency.
    pub idf: f32,
}

/// A question, understood.
#[derive(Debug, Clone)]
pub struct Question {
    /// Raw text, as the embedder's tokeniser wants it.
    pub raw: String,
    /// Normalised text.
    pub normalized: String,
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
    /// The context text, when this reading completes a follow-up.
    pub completed_with: Option<String>,
}

impl Question {
    /// Understands `text` on its own.
    pub fn new(text: &str, analyzer: &Analyzer, documents: &Documents, fallback: Option<Language>) -> Self {
        let analysis = analyzer.analyze(text);
        let language = match analysis.language {
            text::Language::Ja => Language::Ja,
            text::Language::En => Language::En,
            text::Language::Other => fallback.unwrap_or_default(),
        };
        let terms: Vec<String> = analysis.terms().map(str::to_owned).collect();
        let mut question = Self {
            raw: text.to_owned(),
            gram_hashes: gram_hashes(&analysis.normalized),
            grams: analysis.grams(),
            reading_hashes: hashes(&analysis.reading_grams()),
            readings: analysis.reading_grams(),
            asked: Vec::new(),
            expansions: Vec::new(),
            completed_with: None,
            language,
            terms,
            normalized: String::new(),
        };
        question.add_terms(&question.terms.clone(), 1.0, documents);
        question.add_expansions(&analysis, documents);
        question.normalized = analysis.normalized;
        question
    }

    /// The same question read as a follow-up to `context`.
    fn completed(&self, context: &str, analyzer: &Analyzer, documents: &Documents) -> Self {
        let mut question = self.clone();
        let terms = analyzer.terms(context);
        question.raw = format!("{context} {}", self.raw);
        question.add_terms(&terms, CONTEXT_WEIGHT, documents);
        question.terms.extend(terms);
        question.completed_with = Some(context.to_owned());
        question
    }

    fn add_terms(&mut self, terms: &[String], weight: f32, documents: &Documents) {
        for term in terms {
            if !self.asked.iter().any(|asked| asked.term == *term) {
                let id = documents.term_id(term);
                let idf = documents.idf(id);
                self.asked.push(AskedTerm { term: term.clone(), id, alternatives: Vec::new(), weight, idf });
            }
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

/// The readings of a question: alone, and completed from the conversation when it may be a follow-up.
pub fn readings(
    ask: &Ask<'_>,
    snapshot: &Snapshot,
    analyzer: &Analyzer,
    documents: &Documents,
) -> Vec<Question> {
    let alone = Question::new(ask.text, analyzer, documents, ask.context.language);
    let mut readings = Vec::with_capacity(2);
    if (alone.terms.len() <= FOLLOW_UP_TERMS || refers_back(&alone.normalized))
        && let Some(context) = context_text(&ask.context, snapshot)
    {
        readings.push(alone.completed(&context, analyzer, documents));
    }
    readings.insert(0, alone);
    readings
}

/// Words that point at the turn before.
fn refers_back(normalized: &str) -> bool {
    const POINTERS: [&str; 14] = [
        "それ",
        "その",
        "これ",
        "この場合",
        "あれ",
        "じゃあ",
        "では",
        "だと",
        "の場合",
        "ほかには",
        "他には",
        "what about",
        "how about",
        "and ",
    ];
    POINTERS.iter().any(|pointer| normalized.contains(pointer))
}

/// What the conversation was about: the entry last answered and the last question that stood on its own.
fn context_text(context: &Context, snapshot: &Snapshot) -> Option<String> {
    let entry = context.last_entry.as_deref().and_then(|id| snapshot.entry(id));
    match (entry, &context.last_question) {
        (None, None) => None,
        (entry, question) => {
            let parts = [entry.map(|entry| entry.question.as_str()), question.as_deref()];
            Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
    }
}
