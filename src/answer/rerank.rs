//! Between rank and confidence, where a desk has one: a re-ranker reads the question together with the first candidates
//! and moves them. Off by default, bounded in time; without its scores the ranking stays as it was.

use std::sync::Arc;

use super::rank::{Ranking, sort};
use crate::embed::Reranking;
use crate::kb::Entry;

/// Moves the first candidates of `ranking` by what the re-ranker says of them. The others stay behind.
///
/// # Errors
/// Why the ranking stayed as it was, in words.
pub(super) fn rerank(
    reranking: &Reranking,
    question: &str,
    entries: &[Arc<Entry>],
    ranking: &mut Ranking,
) -> Result<(), String> {
    let first = reranking.candidates.min(ranking.len());
    if first < 2 {
        return Ok(());
    }
    let passages: Vec<String> = ranking[..first]
        .iter()
        .map(|ranked| &entries[ranked.found.number as usize])
        .map(|entry| format!("{}\n{}", entry.question, entry.answer))
        .collect();
    let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
    let scores = reranking.model.scores(question, &passages, reranking.budget)?;
    if scores.len() != first || scores.iter().any(|score| !score.is_finite()) {
        return Err("its scores are not usable".to_owned());
    }
    let rest = ranking.split_off(first);
    // Moved by the distance to the best one: the best keeps its score, so that signals stay on the ranker's scale.
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for (ranked, score) in ranking.iter_mut().zip(scores) {
        ranked.score += reranking.weight * (score - best);
    }
    sort(ranking);
    let least = ranking.last().map_or(0.0, |ranked| ranked.score);
    ranking.extend(rest.into_iter().map(|mut ranked| {
        ranked.score = ranked.score.min(least);
        ranked
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::features::Features;
    use super::super::rank::Ranked;
    use super::super::retrieve::Found;
    use super::*;
    use crate::embed::Reranker;

    struct Says(Result<Vec<f32>, String>);

    impl Reranker for Says {
        fn scores(&self, _: &str, _: &[&str], _: Duration) -> Result<Vec<f32>, String> {
            self.0.clone()
        }
    }

    fn moved(says: Result<Vec<f32>, String>) -> (Result<(), String>, Vec<u32>, Vec<f32>) {
        let entries = [(); 4].map(|()| Arc::new(Entry::default()));
        let mut ranking: Ranking = [4.0, 3.0, 2.0, 1.0]
            .iter()
            .enumerate()
            .map(|(number, &score)| Ranked {
                found: Found { number: number as u32, ..Found::default() },
                features: Features::default(),
                score,
                from_context: 0.0,
            })
            .collect();
        let model = Arc::new(Says(says));
        let reranking = Reranking { model, candidates: 3, weight: 1.0, budget: Duration::ZERO };
        let result = rerank(&reranking, "質問", &entries, &mut ranking);
        let order = ranking.iter().map(|ranked| ranked.found.number).collect();
        (result, order, ranking.iter().map(|ranked| ranked.score).collect())
    }

    #[test]
    fn the_first_candidates_move_and_the_rest_stays_behind() {
        let (result, order, scores) = moved(Ok(vec![-5.0, 0.0, 2.0]));
        assert_eq!(result, Ok(()));
        assert_eq!(order, [2, 1, 0, 3]);
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
        assert_eq!(scores[0], 2.0, "the best keeps its own score");
    }

    #[test]
    fn without_usable_scores_nothing_moves() {
        for says in [Err("not done within 50 ms".to_owned()), Ok(vec![1.0]), Ok(vec![f32::NAN, 0.0, 0.0])] {
            let (result, order, scores) = moved(says);
            assert!(result.is_err());
            assert_eq!(
                (order.as_slice(), scores.as_slice()),
                ([0, 1, 2, 3].as_slice(), [4.0, 3.0, 2.0, 1.0].as_slice())
            );
        }
    }
}
