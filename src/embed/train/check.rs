//! Figures for the model card: the trained model alone on evaluation sets, scored as the dense retriever scores (cosine
//! with the question plus cosine with the answer). Measures; never trains.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

use crate::embed::{Embedder, Role, StaticModel, Text, dot};
use crate::eval::dataset::Dataset;
use crate::eval::metrics::{Gain, Judged, trec_order};
use crate::text::Analyzer;

const SIMILARITY: &str = "jsts-valid.tsv";
const DEPTH: usize = 10;

/// One line per evaluation set in `folder`, by name.
pub(super) fn figures(
    folder: &Path,
    model: &StaticModel,
    analyzer: &Analyzer,
) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    let mut out = Vec::new();
    for path in paths {
        if path.join("corpus.jsonl").is_file() {
            out.push(retrieval(&path, model, analyzer)?);
        } else if path.ends_with(SIMILARITY) {
            out.push(similarity(&path, model, analyzer)?);
        }
    }
    Ok(out)
}

fn embed(model: &StaticModel, analyzer: &Analyzer, text: &str, role: Role) -> Vec<f32> {
    model.embed(&Text { raw: text, terms: &analyzer.terms(text) }, role)
}

fn retrieval(path: &Path, model: &StaticModel, analyzer: &Analyzer) -> anyhow::Result<String> {
    let dataset = Dataset::read(path, "test", false)?;
    let documents: Vec<(Vec<f32>, Vec<f32>)> = dataset
        .documents
        .par_iter()
        .map(|document| {
            let passage = |text: &str| embed(model, analyzer, text, Role::Passage);
            (passage(&document.title), passage(&document.text))
        })
        .collect();
    let scores: Vec<[f64; 3]> = dataset
        .queries
        .par_iter()
        .filter(|query| dataset.qrels.of(&query.id).is_some())
        .map(|query| {
            let asked = embed(model, analyzer, &query.text, Role::Query);
            let mut ranked: Vec<(String, f32)> = dataset
                .documents
                .iter()
                .zip(&documents)
                .map(|(document, (title, text))| {
                    (document.id.clone(), dot(&asked, title) + dot(&asked, text))
                })
                .collect();
            trec_order(&mut ranked);
            ranked.truncate(DEPTH);
            let judged =
                Judged::new(ranked.iter().map(|entry| entry.0.as_str()), dataset.qrels.of(&query.id));
            [judged.recall(DEPTH), judged.ndcg(DEPTH, Gain::Linear), judged.success(1)]
        })
        .collect();
    let mean = |k: usize| scores.iter().map(|score| score[k]).sum::<f64>() / scores.len().max(1) as f64;
    Ok(format!(
        "{} ({} questions): Recall@10 {:.3}, nDCG@10 {:.3}, Success@1 {:.3}",
        dataset.name,
        scores.len(),
        mean(0),
        mean(1),
        mean(2)
    ))
}

fn similarity(path: &Path, model: &StaticModel, analyzer: &Analyzer) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Vec<(f32, f32)> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let human: f32 = fields.next()?.parse().ok()?;
            let [a, b] =
                [fields.next()?, fields.next()?].map(|text| embed(model, analyzer, text, Role::Passage));
            Some((human, dot(&a, &b)))
        })
        .collect();
    let (human, found): (Vec<f32>, Vec<f32>) = rows.into_iter().unzip();
    Ok(format!("{SIMILARITY} ({} pairs): Spearman {:.3}", human.len(), spearman(&human, &found)))
}

/// Spearman's rank correlation; ties share their mean rank.
fn spearman(x: &[f32], y: &[f32]) -> f64 {
    let (x, y) = (ranks(x), ranks(y));
    let mean = (x.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt()
}

fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut out = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        tied.iter().for_each(|&place| out[place] = start as f64 + (tied.len() as f64 - 1.0) / 2.0);
        start += tied.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_knows_ties() {
        assert!((spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 99.0]) - 1.0).abs() < 1e-9);
        assert!((spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-9);
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [1.5, 0.0, 1.5]);
    }
}
