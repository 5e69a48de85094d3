//! Reads the training data and turns it into numbers: texts as lists of terms, pairs as two texts, concepts as the texts
//! that word them. Holds a few pairs back for measuring. Knows files and the Analyzer, nothing of vectors.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use flate2::read::MultiGzDecoder;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

const PAIRS: &str = "pairs.jsonl.gz";
const PROSE: &str = "text.txt.gz";
/// Between the wordings on a line of a thesaurus.
const SEPARATOR: char = '|';
/// Characters of a text that are looked at; what a passage is about is said early.
const MAX_CHARACTERS: usize = 1500;
/// Terms of a text that are kept.
const MAX_TERMS: usize = 160;
/// Lines analysed at a time.
const CHUNK: usize = 8192;
/// Bytes of a compressed file that are sample enough.
const SAMPLE: u64 = 4 << 20;
/// Pairs held out, at most; and at most this share.
const HELD_OUT: usize = 1000;
const HELD_OUT_SHARE: usize = 100;

/// Terms of a text as numbers into [`Corpus::terms`].
pub(super) type Terms = Box<[u32]>;

/// What a text consists of: index terms, or a tokenizer's pieces.
pub(super) type TermsOf<'a> = dyn Fn(&str) -> Vec<String> + Sync + 'a;

/// Where pairs come from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) license: String,
    pub(super) machine_translated: bool,
    /// All pairs read, held-out ones too.
    pub(super) count: usize,
    /// Pairs to train on, as numbers into [`Corpus::texts`].
    pub(super) pairs: Vec<(u32, u32)>,
}

/// The training data.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    /// Distinct terms.
    pub(super) terms: Vec<String>,
    /// Distinct texts of pairs.
    pub(super) texts: Vec<Terms>,
    /// By name.
    pub(super) sources: Vec<Source>,
    /// Paragraphs of prose in their order; neighbours belong together.
    pub(super) prose: Vec<Terms>,
    /// Texts that say the same thing, as numbers into [`Corpus::texts`]; at least two each.
    pub(super) concepts: Vec<Vec<u32>>,
    /// Pairs not trained on.
    pub(super) held_out: Vec<(u32, u32)>,
    /// SHA-256 of the files (hex).
    pub(super) hash: String,
}

#[derive(Deserialize)]
struct Line {
    a: String,
    b: String,
    source: String,
    #[serde(default)]
    license: String,
    #[serde(default)]
    mt: bool,
}

impl Corpus {
    /// Reads the files in `folder`, and those of the folder `thesaurus`; `terms` says what a text consists of.
    pub(super) fn read(
        folder: &Path,
        thesaurus: Option<&Path>,
        terms: &TermsOf<'_>,
        seed: u64,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let mut builder = Builder::default();
        let note = |text: &str| {
            if !quiet {
                eprintln!("{text}");
            }
        };
        let path = folder.join(PAIRS);
        note(&format!("analysing {}", path.display()));
        let mut number = 0;
        let pairs_hash = in_chunks(&path, |lines| {
            let parsed = lines
                .par_iter()
                .enumerate()
                .map(|(index, line)| {
                    let line = parsed(line, &path, number + index + 1)?;
                    Ok((analyze(terms, &line.a), analyze(terms, &line.b), line))
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            number += lines.len();
            parsed.into_iter().for_each(|(a, b, line)| builder.add_pair(&a, &b, &line));
            Ok(())
        })?;
        let path = folder.join(PROSE);
        let mut prose_hash = String::new();
        if path.is_file() {
            note(&format!("analysing {}", path.display()));
            prose_hash = in_chunks(&path, |lines| {
                let found: Vec<Vec<String>> = lines.par_iter().map(|line| analyze(terms, line)).collect();
                found.iter().for_each(|terms| builder.add_prose(terms));
                Ok(())
            })?;
        }
        let mut hashes = pairs_hash + &prose_hash;
        if let Some(thesaurus) = thesaurus {
            for (path, text) in thesaurus_files(thesaurus)? {
                for (index, line) in text.lines().enumerate() {
                    let wordings: Vec<_> =
                        line.split(SEPARATOR).map(|wording| analyze(terms, wording)).collect();
                    builder
                        .add_concept(&wordings)
                        .with_context(|| format!("{}, line {}", path.display(), index + 1))?;
                }
                hashes += &hex::encode(Sha256::digest(text));
            }
        }
        let mut corpus = builder.finish(hex::encode(Sha256::digest(hashes)))?;
        corpus.hold_out(seed);
        Ok(corpus)
    }

    /// Takes pairs away for measuring, without their texts' other pairs.
    fn hold_out(&mut self, seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let total: usize = self.sources.iter().map(|source| source.pairs.len()).sum();
        let wanted = HELD_OUT.min(total / HELD_OUT_SHARE);
        for source in &mut self.sources {
            let share = source.pairs.len() * wanted / total.max(1);
            source.pairs.shuffle(&mut random);
            self.held_out.extend(source.pairs.drain(source.pairs.len() - share..));
        }
    }
}

fn analyze(terms: &TermsOf<'_>, text: &str) -> Vec<String> {
    let mut terms = terms(beginning(text));
    terms.truncate(MAX_TERMS);
    terms
}

/// The files `*.txt` of a thesaurus with their contents, by name.
fn thesaurus_files(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut paths = Vec::new();
    for file in folder.read_dir().with_context(cannot)? {
        let path = file.with_context(cannot)?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!("{} holds no .txt file of wordings, a concept per line", folder.display());
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((path, text))
        })
        .collect()
}

/// As much of a text as is looked at.
fn beginning(text: &str) -> &str {
    text.char_indices().nth(MAX_CHARACTERS).map_or(text, |(end, _)| &text[..end])
}

/// Texts of pairs, of large files every so many pairs': a sample to take a vocabulary from.
pub(super) fn sample(folder: &Path) -> anyhow::Result<Vec<String>> {
    let path = folder.join(PAIRS);
    let bytes = path.metadata().map_or(0, |meta| meta.len());
    let step = usize::try_from(bytes / SAMPLE)?.max(1);
    let (mut texts, mut number) = (Vec::new(), 0_usize);
    in_chunks(&path, |lines| {
        for line in lines {
            number += 1;
            if number.is_multiple_of(step) {
                let line = parsed(line, &path, number)?;
                texts.extend([&line.a, &line.b].map(|text| beginning(text).to_owned()));
            }
        }
        Ok(())
    })?;
    Ok(texts)
}

fn parsed(line: &str, path: &Path, number: usize) -> anyhow::Result<Line> {
    serde_json::from_str(line).with_context(|| format!("{}, line {number}", path.display()))
}

/// Hands the lines of a compressed file over in chunks; returns the SHA-256 of the file (hex).
fn in_chunks(path: &Path, mut take: impl FnMut(&[String]) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let open = || File::open(path).with_context(|| format!("cannot read {}", path.display()));
    let mut chunk = Vec::with_capacity(CHUNK);
    for line in BufReader::new(MultiGzDecoder::new(BufReader::new(open()?))).lines() {
        chunk.push(line.with_context(|| format!("cannot read {}", path.display()))?);
        if chunk.len() == CHUNK {
            take(&chunk)?;
            chunk.clear();
        }
    }
    take(&chunk)?;
    let mut hash = Sha256::new();
    let (mut file, mut buffer) = (open()?, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}

#[derive(Default)]
struct Builder {
    corpus: Corpus,
    numbers: HashMap<String, u32>,
    texts: HashMap<Terms, u32>,
    sources: HashMap<String, usize>,
}

impl Builder {
    fn add_pair(&mut self, a: &[String], b: &[String], line: &Line) {
        let (a, b) = (self.numbered(a), self.numbered(b));
        let source = *self.sources.entry(line.source.clone()).or_insert_with(|| {
            self.corpus.sources.push(Source {
                name: line.source.clone(),
                license: line.license.clone(),
                machine_translated: line.mt,
                count: 0,
                pairs: Vec::new(),
            });
            self.corpus.sources.len() - 1
        });
        self.corpus.sources[source].count += 1;
        if a.is_empty() || b.is_empty() || a == b {
            return;
        }
        let pair = (self.text(a), self.text(b));
        self.corpus.sources[source].pairs.push(pair);
    }

    fn add_prose(&mut self, terms: &[String]) {
        let terms = self.numbered(terms);
        self.corpus.prose.push(terms);
    }

    fn add_concept(&mut self, wordings: &[Vec<String>]) -> anyhow::Result<()> {
        let mut texts: Vec<u32> = Vec::new();
        for wording in wordings.iter().filter(|wording| !wording.is_empty()) {
            let terms = self.numbered(wording);
            let text = self.text(terms);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts.len() < 2 {
            bail!("needs two different wordings, separated by {SEPARATOR}");
        }
        self.corpus.concepts.push(texts);
        Ok(())
    }

    fn numbered(&mut self, terms: &[String]) -> Terms {
        let number = |term: &String| match self.numbers.get(term) {
            Some(&number) => number,
            None => {
                let number = self.corpus.terms.len() as u32;
                self.corpus.terms.push(term.clone());
                self.numbers.insert(term.clone(), number);
                number
            }
        };
        terms.iter().map(number).collect()
    }

    fn text(&mut self, terms: Terms) -> u32 {
        if let Some(&text) = self.texts.get(&terms) {
            return text;
        }
        let text = self.corpus.texts.len() as u32;
        self.corpus.texts.push(terms.clone());
        self.texts.insert(terms, text);
        text
    }

    fn finish(mut self, hash: String) -> anyhow::Result<Corpus> {
        if self.corpus.texts.is_empty() {
            bail!("{PAIRS} holds no usable pair");
        }
        self.corpus.sources.sort_by(|a, b| a.name.cmp(&b.name));
        self.corpus.hash = hash;
        Ok(self.corpus)
    }
}
