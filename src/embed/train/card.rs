//! The model card: what the model was trained on and how, what it scores. Written by `madoguchi train`, never by hand.

use std::fmt;

use super::data::Corpus;
use super::{Outcome, TrainArgs};
use crate::embed::{Embedder, StaticModel};

/// Everything the card says.
pub(super) struct Card<'a> {
    pub(super) args: &'a TrainArgs,
    pub(super) corpus: &'a Corpus,
    pub(super) model: &'a StaticModel,
    pub(super) outcome: &'a Outcome,
    pub(super) figures: &'a [String],
    pub(super) seconds: u64,
    pub(super) bytes: usize,
}

impl fmt::Display for Card<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { args, corpus, model, outcome, figures, seconds, bytes } = self;
        writeln!(f, "# Model card: static embeddings\n")?;
        writeln!(f, "Written by `madoguchi train`; do not edit.\n")?;
        writeln!(
            f,
            "One vector per index term (lemma), int8; a text is the weighted sum of its terms' vectors, normalised. Words outside \
             the vocabulary are composed of byte-pair pieces and kanji. No text of the training data is in the file.\n"
        )?;
        writeln!(f, "| | |\n| --- | --- |")?;
        writeln!(f, "| file | static.safetensors, {:.1} MB |", *bytes as f64 / 1e6)?;
        writeln!(f, "| SHA-256 | `{}` |", model.base_hash())?;
        writeln!(f, "| dictionary | {} |", model.dictionary())?;
        writeln!(
            f,
            "| vectors | {} words and {} pieces × {} |",
            model.words(),
            model.pieces(),
            model.dimension()
        )?;
        writeln!(f, "| training data | SHA-256 `{}` |", corpus.hash)?;
        writeln!(
            f,
            "| settings | {} members of {} values, seeds from {}, epochs {}, batch {}, rate {}, temperature {}, dropout {}, spans {}, neighbors {} |",
            args.members,
            args.member_dimension,
            args.seed,
            args.epochs,
            args.batch,
            args.rate,
            args.temperature,
            args.dropout,
            args.spans,
            args.neighbors
        )?;
        writeln!(
            f,
            "| time | {seconds} s with {} threads, reading and analysing included |",
            rayon::current_num_threads()
        )?;
        writeln!(f, "| loss at the end | {:.3} nats a pair |", outcome.loss)?;
        writeln!(
            f,
            "| held-out pairs | mean reciprocal rank {:.3} of their own passages among {} (mean of the members) |\n",
            outcome.held_out, outcome.held_out_pairs
        )?;
        write_figures(f, figures)?;
        write_sources(f, corpus)
    }
}

/// What the model scores.
pub(super) fn write_figures(f: &mut fmt::Formatter<'_>, figures: &[String]) -> fmt::Result {
    if figures.is_empty() {
        return Ok(());
    }
    writeln!(f, "## Figures, dense alone, without adaptation\n")?;
    figures.iter().try_for_each(|figure| writeln!(f, "- {figure}"))?;
    writeln!(f)
}

/// Where the pairs come from, and under which licences.
pub(super) fn write_sources(f: &mut fmt::Formatter<'_>, corpus: &Corpus) -> fmt::Result {
    writeln!(
        f,
        "## Sources\n\n| source | pairs | licence | machine-translated |\n| --- | --- | --- | --- |"
    )?;
    for source in &corpus.sources {
        let translated = if source.machine_translated { "yes" } else { "no" };
        writeln!(f, "| {} | {} | {} | {translated} |", source.name, source.count, source.license)?;
    }
    writeln!(f, "| prose of the same sources | {} paragraphs | as above | |", corpus.prose.len())?;
    if corpus.concepts.is_empty() {
        return Ok(());
    }
    let wordings: usize = corpus.concepts.iter().map(Vec::len).sum();
    writeln!(
        f,
        "| our own thesaurus | {wordings} wordings of {} concepts | as the project | no |",
        corpus.concepts.len()
    )
}
