//! Confidence by category: where a desk has labels enough in a category of entries, the probabilities there are shifted
//! towards its own share of right answers, and its thresholds come from its own errors. Kept only when cross-fitting shows
//! better probabilities, beyond what chance explains.

use std::collections::BTreeMap;

use super::{bands, calibrate, gains};
use crate::answer::calibration::{Calibration, Sample, clopper_pearson_lower, lowest_threshold, shifted};
use crate::answer::confidence::{Bands, CategoryFit};

/// Fewest labelled questions of a category that is looked at by itself.
const LABELS: usize = 25;
/// Variance of the normal prior of a shift: a category is like the others until its labels say otherwise.
const VARIANCE: f64 = 0.5;

/// The log-odds of a labelled question by a model that was not fitted on its fold.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Log-odds before calibration.
    pub score: f64,
    /// Whether the top candidate answers.
    pub right: bool,
    /// Its fold.
    pub fold: usize,
    /// Top-level category of the top candidate, or empty.
    pub category: String,
}

impl Held {
    /// Score and whether it was right.
    pub fn sample(&self) -> Sample {
        (self.score, self.right)
    }
}

/// What fitting by category came to.
#[derive(Debug, Default)]
pub struct Fitted {
    /// Categories with enough labels; empty when they do not help.
    pub categories: BTreeMap<String, CategoryFit>,
    /// Cross-fitted log loss (nats per question) with one calibration for all, and with shifts.
    pub log_loss: [f64; 2],
}

/// Fits what differs by category from `calibration`, whose thresholds are `general`.
pub fn fit(held: &[Held], calibration: &Calibration, general: Bands, budget: f64, alpha: f64) -> Fitted {
    let losses = log_losses(held, calibration);
    let mean = |which: usize| losses.iter().map(|pair| pair[which]).sum::<f64>() / losses.len().max(1) as f64;
    let log_loss = [mean(0), mean(1)];
    if !gains(losses.iter().map(|[one, shifted]| one - shifted)) {
        return Fitted { categories: BTreeMap::new(), log_loss };
    }
    let own = |(category, shift): (&str, f64)| {
        let samples: Vec<Sample> = of(held, category)
            .map(|held| (shifted(calibration.probability(held.score), shift), held.right))
            .collect();
        let bands = own_bands(&samples, general, budget, alpha);
        (category.to_owned(), CategoryFit { shift, bands, labels: samples.len() })
    };
    Fitted { categories: shifts(held.iter(), calibration).into_iter().map(own).collect(), log_loss }
}

/// The lowest threshold that the category's own labels allow; where they allow none, the general one, unless they show
/// that it breaks the budget here.
fn own_bands(samples: &[Sample], general: Bands, budget: f64, alpha: f64) -> Bands {
    if let Some(threshold) = lowest_threshold(samples, budget, alpha) {
        return bands(threshold.at as f32);
    }
    let answered = samples.iter().filter(|(probability, _)| *probability >= f64::from(general.answer_from));
    let (errors, n) = answered.fold((0, 0), |(errors, n), (_, right)| (errors + u32::from(!right), n + 1));
    if clopper_pearson_lower(errors, n, alpha) > budget { bands(Bands::NEVER.answer_from) } else { general }
}

fn of<'a>(held: &'a [Held], category: &'a str) -> impl Iterator<Item = &'a Held> {
    held.iter().filter(move |held| held.category == category)
}

/// Shifts of the categories with enough labels.
fn shifts<'a>(held: impl Iterator<Item = &'a Held>, calibration: &Calibration) -> BTreeMap<&'a str, f64> {
    let mut samples: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for held in held {
        let sample = (calibration.probability(held.score), held.right);
        samples.entry(&held.category).or_default().push(sample);
    }
    samples.retain(|category, samples| !category.is_empty() && samples.len() >= LABELS);
    samples.into_iter().map(|(category, samples)| (category, shift(&samples))).collect()
}

/// The most probable shift of these (probability, right) samples under a normal prior around none, by Newton's method:
/// the posterior is concave.
fn shift(samples: &[Sample]) -> f64 {
    let mut shift = 0.0;
    for _ in 0..50 {
        let (mut slope, mut curvature) = (-shift / VARIANCE, 1.0 / VARIANCE);
        for (probability, right) in samples {
            let p = shifted(*probability, shift);
            slope += f64::from(u8::from(*right)) - p;
            curvature += p * (1.0 - p);
        }
        shift += slope / curvature;
        if slope.abs() < 1e-9 {
            break;
        }
    }
    shift
}

/// Log loss of each question by what the other folds taught, with one calibration for all and with shifts. A fold that
/// leaves too little to calibrate on is judged by `fallback`, unshifted.
fn log_losses(held: &[Held], fallback: &Calibration) -> Vec<[f64; 2]> {
    let folds: std::collections::BTreeSet<usize> = held.iter().map(|held| held.fold).collect();
    let mut losses = Vec::with_capacity(held.len());
    for fold in folds {
        let others = || held.iter().filter(move |held| held.fold != fold);
        let samples: Vec<Sample> = others().map(Held::sample).collect();
        let own = calibrate(&samples);
        let shifts = own.as_ref().map(|own| shifts(others(), own)).unwrap_or_default();
        let calibration = own.as_ref().unwrap_or(fallback);
        losses.extend(held.iter().filter(|held| held.fold == fold).map(|held| {
            let probability = calibration.probability(held.score);
            let shift = shifts.get(held.category.as_str()).copied().unwrap_or(0.0);
            [probability, shifted(probability, shift)].map(|p| {
                let chance = if held.right { p } else { 1.0 - p };
                -chance.max(f64::MIN_POSITIVE).ln()
            })
        }));
    }
    losses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::calibration::logistic;

    const GENERAL: Bands = Bands { answer_from: 0.8, clarify_from: 0.3 };

    /// Questions over a range of scores in two categories; those of `hard` are right less often than their scores say.
    fn held(hard: f64) -> Vec<Held> {
        let questions = |category: &'static str, harder: f64| {
            (0..200).map(move |i| {
                let score = f64::from(i % 40) / 10.0 - 2.0;
                // Spread evenly, so that the share of right ones is the probability.
                let right = f64::from(i * 61 % 200) / 200.0 < logistic(2.0 * score - harder);
                Held { score, right, fold: i as usize / 7 % 5, category: category.to_owned() }
            })
        };
        questions("easy", -hard).chain(questions("hard", hard)).collect()
    }

    fn fitted(held: &[Held]) -> Fitted {
        let samples: Vec<Sample> = held.iter().map(Held::sample).collect();
        let calibration = calibrate(&samples).expect("both classes");
        fit(held, &calibration, GENERAL, 0.1, 0.2)
    }

    #[test]
    fn a_hard_category_is_believed_less_and_answers_later() {
        let fitted = fitted(&held(1.0));
        let [easy, hard] = ["easy", "hard"].map(|name| &fitted.categories[name]);
        assert!(easy.shift > 0.5 && hard.shift < -0.5, "{fitted:?}");
        assert!(fitted.log_loss[1] < fitted.log_loss[0]);
        assert_eq!((easy.labels, hard.labels), (200, 200));
    }

    #[test]
    fn categories_that_do_not_differ_or_have_few_labels_are_left_alone() {
        assert!(fitted(&held(0.0)).categories.values().all(|own| own.shift.abs() < 0.3));
        let few: Vec<Held> = held(1.0).into_iter().step_by(20).collect();
        assert!(fitted(&few).categories.is_empty());
    }

    #[test]
    fn the_shift_meets_the_share_that_was_right() {
        let samples: Vec<Sample> = (0..4000).map(|i| (0.5, i % 10 != 0)).collect();
        assert!((shifted(0.5, shift(&samples)) - 0.9).abs() < 0.01);
        assert_eq!(shift(&[]), 0.0);
    }

    #[test]
    fn a_category_whose_labels_show_too_many_errors_never_answers() {
        let wrong: Vec<Sample> = (0..30).map(|i| (0.9, i % 3 != 0)).collect();
        assert_eq!(own_bands(&wrong, GENERAL, 0.1, 0.2).answer_from, Bands::NEVER.answer_from);
        let few: Vec<Sample> = vec![(0.9, true); 3];
        assert_eq!(own_bands(&few, GENERAL, 0.1, 0.2), GENERAL);
        let right: Vec<Sample> = (0..40).map(|i| (0.5 + f64::from(i) / 100.0, true)).collect();
        assert!(own_bands(&right, GENERAL, 0.1, 0.2).answer_from < GENERAL.answer_from);
    }
}
