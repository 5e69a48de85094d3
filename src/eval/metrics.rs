//! Ranking metrics, one query at a time, as trec_eval and ir_measures define them. Pure.
//!
//! Shared by all: a document with grade above 0 is relevant; unjudged documents are not relevant and stay in the
//! ranking; a query without relevant documents scores 0; a mean is over every judged query, a query the run lacks
//! scoring 0. Of equal scores the larger document id comes first, as in trec_eval (see [`trec_order`]).
//!
//! Sources: trec_eval 9.0.8, <https://github.com/usnistgov/trec_eval>; ir_measures, <https://ir-measur.es>
//! (MacAvaney, Macdonald, Ounis 2022); nDCG: Järvelin and Kekäläinen 2002, with linear gain as in trec_eval's `ndcg_cut`
//! or the exponential gain of Burges et al. 2005.

use std::cmp::Ordering;

use super::dataset::Judgements;

/// How a grade becomes a gain in nDCG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// The grade itself.
    Linear,
    /// 2^grade − 1.
    Exponential,
}

impl Gain {
    fn of(self, grade: i32) -> f64 {
        match self {
            _ if grade <= 0 => 0.0,
            Gain::Linear => f64::from(grade),
            Gain::Exponential => f64::from(grade).exp2() - 1.0,
        }
    }
}

/// A ranking with the judgements of its query: grades of the ranked documents, best first, and of all judged ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    ranked: Vec<i32>,
    relevant: Vec<i32>,
}

impl Judged {
    /// `ranking`: document ids, best first, each at most once. `judgements`: `None` for an unjudged query.
    pub fn new<'a>(ranking: impl IntoIterator<Item = &'a str>, judgements: Option<&Judgements>) -> Self {
        let grade = |id: &str| judgements.and_then(|all| all.get(id)).map_or(0, |&grade| grade.max(0));
        let ranked = ranking.into_iter().map(grade).collect();
        let mut relevant: Vec<i32> =
            judgements.into_iter().flat_map(|all| all.values().copied()).filter(|&grade| grade > 0).collect();
        relevant.sort_unstable_by(|a, b| b.cmp(a));
        Self { ranked, relevant }
    }

    /// Number of judged-relevant documents, retrieved or not.
    pub fn relevant_count(&self) -> usize {
        self.relevant.len()
    }

    /// Grade of the top document; 0 when nothing was retrieved or it is not judged.
    pub fn top_grade(&self) -> i32 {
        self.ranked.first().copied().unwrap_or(0)
    }

    fn hits(&self, k: usize) -> usize {
        self.ranked.iter().take(k).filter(|&&grade| grade > 0).count()
    }

    /// Recall@k: relevant documents among the first `k`, over all relevant ones (`R@k`).
    pub fn recall(&self, k: usize) -> f64 {
        ratio(self.hits(k), self.relevant.len())
    }

    /// Precision@k: relevant documents among the first `k`, over `k` even when fewer were retrieved (`P@k`).
    pub fn precision(&self, k: usize) -> f64 {
        ratio(self.hits(k), k)
    }

    /// Success@k: 1 when a relevant document is among the first `k` (`Success@k`).
    pub fn success(&self, k: usize) -> f64 {
        f64::from(u8::from(self.hits(k) > 0))
    }

    /// Reciprocal rank of the first relevant document among the first `k`, else 0 (`RR@k`).
    pub fn reciprocal_rank(&self, k: usize) -> f64 {
        let first = self.ranked.iter().take(k).position(|&grade| grade > 0);
        first.map_or(0.0, |position| 1.0 / (position + 1) as f64)
    }

    /// nDCG@k: gains discounted by log2(rank + 1), over those of the ideal ranking of all judged documents (`nDCG@k`).
    pub fn ndcg(&self, k: usize, gain: Gain) -> f64 {
        let dcg = |grades: &[i32]| -> f64 {
            let discounted = grades
                .iter()
                .take(k)
                .zip(2u32..)
                .map(|(&grade, rank)| gain.of(grade) / f64::from(rank).log2());
            discounted.sum()
        };
        let ideal = dcg(&self.relevant);
        if ideal > 0.0 { dcg(&self.ranked) / ideal } else { 0.0 }
    }

    /// Average precision: mean over all relevant documents of the precision at their rank, 0 for those not retrieved
    /// (`AP`; its mean over queries is MAP).
    pub fn average_precision(&self) -> f64 {
        let ranks = self.ranked.iter().zip(1u32..).filter(|(grade, _)| **grade > 0).map(|(_, rank)| rank);
        let sum: f64 = ranks.zip(1u32..).map(|(rank, found)| f64::from(found) / f64::from(rank)).sum();
        if self.relevant.is_empty() { 0.0 } else { sum / self.relevant.len() as f64 }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Sorts as trec_eval does: score descending, of equal scores the larger id (by bytes) first. NaN counts as the lowest
/// score. The rank column of a run file plays no part.
pub fn trec_order(ranked: &mut [(String, f32)]) {
    let score = |score: f32| if score.is_nan() { f32::NEG_INFINITY } else { score };
    ranked.sort_by(|a, b| match score(b.1).partial_cmp(&score(a.1)) {
        Some(Ordering::Equal) | None => b.0.cmp(&a.0),
        Some(order) => order,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(ranking: &[&str], grades: &[(&str, i32)]) -> Judged {
        let judgements: Judgements = grades.iter().map(|(id, grade)| ((*id).to_owned(), *grade)).collect();
        Judged::new(ranking.iter().copied(), Some(&judgements))
    }

    #[test]
    fn a_graded_ranking_scores_as_worked_out_by_hand() {
        let query = judged(&["x", "a", "b", "n"], &[("a", 1), ("b", 2), ("c", 1), ("n", 0), ("m", -1)]);
        assert_eq!(query.relevant_count(), 3);
        assert_eq!(query.recall(2), 1.0 / 3.0);
        assert_eq!(query.precision(10), 0.2);
        assert_eq!((query.success(1), query.success(3)), (0.0, 1.0));
        assert_eq!((query.reciprocal_rank(10), query.reciprocal_rank(1)), (0.5, 0.0));
        let log = |rank: f64| (rank + 1.0).log2();
        let linear = (1.0 / log(2.0) + 2.0 / log(3.0)) / (2.0 + 1.0 / log(2.0) + 1.0 / log(3.0));
        assert!((query.ndcg(10, Gain::Linear) - linear).abs() < 1e-12);
        let exponential = (1.0 / log(2.0) + 3.0 / log(3.0)) / (3.0 + 1.0 / log(2.0) + 1.0 / log(3.0));
        assert!((query.ndcg(10, Gain::Exponential) - exponential).abs() < 1e-12);
        assert!((query.average_precision() - (1.0 / 2.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_query_without_relevant_documents_scores_zero() {
        let query = judged(&["a"], &[("a", 0)]);
        assert_eq!([query.recall(5), query.ndcg(5, Gain::Linear), query.average_precision()], [0.0; 3]);
        assert_eq!(Judged::new(["a"], None).success(1), 0.0);
    }

    #[test]
    fn equal_scores_are_ordered_by_descending_id_and_nan_last() {
        let mut ranked =
            vec![("a".into(), 1.0), ("n".into(), f32::NAN), ("b".into(), 1.0), ("c".into(), 2.0)];
        trec_order(&mut ranked);
        let ids: Vec<&str> = ranked.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["c", "b", "a", "n"]);
    }

    proptest! {
        #[test]
        fn every_metric_is_within_0_and_1_and_1_for_the_ideal(grades in prop::collection::vec(0i32..4, 1..20), k in 1usize..12) {
            let mut grades: Vec<(String, i32)> = grades.into_iter().enumerate().map(|(i, g)| (format!("d{i}"), g)).collect();
            let judgements: Judgements = grades.iter().cloned().collect();
            let given = Judged::new(grades.iter().map(|(id, _)| id.as_str()), Some(&judgements));
            grades.sort_by_key(|(_, grade)| -grade);
            let ideal = Judged::new(grades.iter().map(|(id, _)| id.as_str()), Some(&judgements));
            for query in [&given, &ideal] {
                for value in [query.recall(k), query.precision(k), query.success(k), query.reciprocal_rank(k),
                    query.ndcg(k, Gain::Linear), query.ndcg(k, Gain::Exponential), query.average_precision()] {
                    prop_assert!((0.0..=1.0 + 1e-9).contains(&value));
                }
            }
            if ideal.relevant_count() > 0 {
                prop_assert!((ideal.ndcg(k, Gain::Linear) - 1.0).abs() < 1e-9);
                prop_assert!((ideal.average_precision() - 1.0).abs() < 1e-9);
                prop_assert!(given.ndcg(k, Gain::Linear) <= ideal.ndcg(k, Gain::Linear) + 1e-9);
            }
        }
    }
}
