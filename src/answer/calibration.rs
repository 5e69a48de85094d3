//! From a score to a measured probability, and from an error budget to a threshold. Pure mathematics on (score, was it
//! right) samples; knows nothing of features, entries or files.

use serde::{Deserialize, Serialize};

/// A score with whether the thing it is about was right.
pub type Sample = (f64, bool);

/// A calibration map: score → probability, non-decreasing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Piecewise linear, for many labels.
    Isotonic(Isotonic),
    /// A logistic curve, for few labels.
    Platt(Platt),
}

impl Calibration {
    /// The probability at `score`, within 0 and 1. NaN gives the lowest probability the map has.
    pub fn probability(&self, score: f64) -> f64 {
        match self {
            Calibration::Isotonic(map) => map.probability(score),
            Calibration::Platt(map) => map.probability(score),
        }
    }
}

/// Isotonic regression by pooling adjacent violators (Ayer et al. 1955; for calibration Zadrozny and Elkan 2002), linear
/// between the mean scores of the pools (centred isotonic regression, Oron and Flournoy 2017), so that no two scores in one
/// pool are needlessly tied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// (score, probability), both ascending.
    knots: Vec<(f64, f64)>,
}

/// A pool of adjacent samples with one probability.
struct Pool {
    score_sum: f64,
    right: f64,
    count: f64,
}

impl Isotonic {
    /// Fits the map. Probabilities stay within 1/(n+2) and 1 − 1/(n+2): n samples cannot show more certainty (Laplace's
    /// rule of succession). Samples with a NaN score are left out; `None` when none is left.
    pub fn fit(samples: &[Sample]) -> Option<Self> {
        let mut samples: Vec<Sample> = samples.iter().copied().filter(|(score, _)| !score.is_nan()).collect();
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let extreme = 1.0 / (samples.len() as f64 + 2.0);
        let mut pools: Vec<Pool> = Vec::new();
        // Equal scores must share a probability, so they enter as one pool.
        for ties in samples.chunk_by(|a, b| a.0 == b.0) {
            let right = ties.iter().filter(|(_, right)| *right).count() as f64;
            let count = ties.len() as f64;
            let mut pool = Pool { score_sum: ties[0].0 * count, right, count };
            while let Some(last) = pools.pop_if(|last| last.right * pool.count >= pool.right * last.count) {
                pool.score_sum += last.score_sum;
                pool.right += last.right;
                pool.count += last.count;
            }
            pools.push(pool);
        }
        let knot = |pool: Pool| {
            (pool.score_sum / pool.count, (pool.right / pool.count).clamp(extreme, 1.0 - extreme))
        };
        let knots: Vec<(f64, f64)> = pools.into_iter().map(knot).collect();
        (!knots.is_empty()).then_some(Self { knots })
    }

    /// The probability at `score`; flat beyond the first and last knot.
    pub fn probability(&self, score: f64) -> f64 {
        let above = self.knots.partition_point(|(at, _)| *at <= score);
        match (above.checked_sub(1).and_then(|below| self.knots.get(below)), self.knots.get(above)) {
            (None, Some((_, first))) => *first,
            (Some((_, last)), None) => *last,
            (Some((from, low)), Some((to, high))) => low + (high - low) * (score - from) / (to - from),
            (None, None) => 0.0,
        }
    }

    /// (score, probability), both ascending.
    pub fn knots(&self) -> &[(f64, f64)] {
        &self.knots
    }
}

/// Platt scaling: 1 / (1 + exp(−(slope × score + offset))) (Platt 1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// Multiplies the score; never negative, so that the map does not decrease.
    pub slope: f64,
    /// Added to it.
    pub offset: f64,
}

impl Platt {
    /// Fits the curve by Newton's method with backtracking on Platt's smoothed targets (Lin, Lin and Weng 2007). Samples
    /// whose score is not finite are left out; `None` unless right and wrong ones are left.
    pub fn fit(samples: &[Sample]) -> Option<Self> {
        let samples: Vec<Sample> = samples.iter().copied().filter(|(score, _)| score.is_finite()).collect();
        let right = samples.iter().filter(|(_, right)| *right).count() as f64;
        let wrong = samples.len() as f64 - right;
        if right == 0.0 || wrong == 0.0 {
            return None;
        }
        let target =
            |is_right: bool| if is_right { (right + 1.0) / (right + 2.0) } else { 1.0 / (wrong + 2.0) };
        let loss = |slope: f64, offset: f64| -> f64 {
            let terms = samples.iter().map(|&(score, is_right)| {
                let z = slope * score + offset;
                // log(1 + exp(z)) without overflow.
                z.max(0.0) + (-z.abs()).exp().ln_1p() - target(is_right) * z
            });
            terms.sum()
        };
        let (mut slope, mut offset) = (0.0, ((right + 1.0) / (wrong + 1.0)).ln());
        let mut current = loss(slope, offset);
        for _ in 0..100 {
            let (mut gs, mut go, mut hss, mut hso, mut hoo) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
            for &(score, is_right) in &samples {
                let p = logistic(slope * score + offset);
                let (residual, weight) = (p - target(is_right), p * (1.0 - p));
                gs += residual * score;
                go += residual;
                hss += weight * score * score;
                hso += weight * score;
                hoo += weight;
            }
            if gs.abs() < 1e-9 && go.abs() < 1e-9 {
                break;
            }
            let determinant = hss * hoo - hso * hso;
            let (ds, d_o) = if determinant > 1e-300 {
                (-(hoo * gs - hso * go) / determinant, -(hss * go - hso * gs) / determinant)
            } else {
                (-gs, -go)
            };
            let descent = gs * ds + go * d_o;
            let mut step = 1.0;
            let next = loop {
                let value = loss(slope + step * ds, offset + step * d_o);
                if value <= current + 1e-4 * step * descent {
                    break Some(value);
                }
                step /= 2.0;
                if step < 1e-10 {
                    break None;
                }
            };
            let Some(next) = next else { break };
            slope += step * ds;
            offset += step * d_o;
            current = next;
        }
        if slope < 0.0 {
            // Scores that rank backwards carry no information we may use: fall back to the base rate.
            return Some(Self { slope: 0.0, offset: ((right + 1.0) / (wrong + 1.0)).ln() });
        }
        Some(Self { slope, offset })
    }

    /// The probability at `score`.
    pub fn probability(&self, score: f64) -> f64 {
        let p = logistic(self.slope * score + self.offset);
        if p.is_nan() { 0.0 } else { p }
    }
}

/// Log-odds → probability.
pub fn logistic(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

/// `probability` moved by `shift` in log-odds; 0 and 1 stay.
pub fn shifted(probability: f64, shift: f64) -> f64 {
    let odds = probability * shift.exp();
    odds / (odds + 1.0 - probability)
}

/// A threshold with what the samples show for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Accept scores at or above this one.
    pub at: f64,
    /// Samples accepted.
    pub accepted: u32,
    /// Of these, wrong ones.
    pub errors: u32,
    /// Upper bound of the error rate.
    pub bound: f64,
}

/// The lowest threshold at which the one-sided Clopper–Pearson bound of the error rate is at most `budget`; `None` when the
/// samples are too few or too wrong for any, in which case the caller must say so and hand off.
///
/// The bound holds with probability 1 − `alpha` for one threshold fixed beforehand; as the lowest of many is taken, ask
/// for a smaller `alpha` or check on other samples when the guarantee matters (Geifman and El-Yaniv 2017, section 3).
pub fn lowest_threshold(samples: &[Sample], budget: f64, alpha: f64) -> Option<Threshold> {
    let mut samples: Vec<Sample> = samples.iter().copied().filter(|(score, _)| !score.is_nan()).collect();
    samples.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut accepted, mut errors, mut best) = (0, 0, None);
    for ties in samples.chunk_by(|a, b| a.0 == b.0) {
        accepted += ties.len() as u32;
        errors += ties.iter().filter(|(_, right)| !right).count() as u32;
        let bound = clopper_pearson_upper(errors, accepted, alpha);
        if bound <= budget {
            best = Some(Threshold { at: ties[0].0, accepted, errors, bound });
        }
    }
    best
}

/// Exact one-sided upper bound of a rate of which `errors` in `n` were seen: the rate at which so few would be seen with
/// probability `alpha` (Clopper and Pearson 1934). 1 when `n` is 0.
pub fn clopper_pearson_upper(errors: u32, n: u32, alpha: f64) -> f64 {
    if errors >= n {
        return 1.0;
    }
    let (a, b) = (f64::from(errors) + 1.0, f64::from(n - errors));
    // The quantile 1 − alpha of Beta(a, b), by bisection: the distribution function is increasing.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if beta_cdf(middle, a, b) < 1.0 - alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Exact one-sided lower bound of a rate of which `hits` in `n` were seen; see [`clopper_pearson_upper`].
pub fn clopper_pearson_lower(hits: u32, n: u32, alpha: f64) -> f64 {
    1.0 - clopper_pearson_upper(n.saturating_sub(hits), n, alpha)
}

/// Regularised incomplete beta function by its continued fraction (Lentz's method; Press et al., Numerical Recipes, 6.4).
fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it use the symmetry.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_cdf(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

/// ln Γ(x) for x > 0 (Lanczos 1964, g = 7, nine terms; relative error below 1e-14).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let series = TERMS
        .iter()
        .zip(1u8..)
        .fold(0.999_999_999_999_809_9, |sum, (term, i)| sum + term / (x + f64::from(i)));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clopper_pearson_agrees_with_published_values() {
        // scipy.stats.beta.ppf(0.95, errors + 1, n - errors)
        for (errors, n, expected) in [
            (0, 1, 0.95),
            (0, 59, 0.049_507_6),
            (1, 20, 0.216_106_2),
            (5, 100, 0.102_253_4),
            (50, 1000, 0.062_863_4),
            (7, 7, 1.0),
            (0, 0, 1.0),
        ] {
            let bound = clopper_pearson_upper(errors, n, 0.05);
            assert!((bound - expected).abs() < 1e-6, "{errors}/{n}: {bound}, not {expected}");
        }
        assert!((clopper_pearson_lower(59, 59, 0.05) - 0.950_492_4).abs() < 1e-6);
    }

    #[test]
    fn pooling_averages_what_is_out_of_order() {
        let map = Isotonic::fit(&[(0.1, false), (0.2, true), (0.3, false), (0.4, true), (0.4, true)])
            .expect("samples");
        assert_eq!(map.knots().len(), 3);
        assert!((map.probability(0.25) - 0.5).abs() < 1e-12);
        assert!((map.probability(-9.0) - 1.0 / 7.0).abs() < 1e-12);
        assert!((map.probability(9.0) - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(Isotonic::fit(&[(f64::NAN, true)]), None);
    }

    #[test]
    fn platt_recovers_a_known_curve_and_refuses_one_class() {
        // 100 samples at each score with exactly the frequencies of slope 2, offset −1.
        let mut samples = Vec::new();
        for step in -20..=20 {
            let score = f64::from(step) / 10.0;
            let right = (1000.0 * logistic(2.0 * score - 1.0)).round() as usize;
            samples.extend((0..1000).map(|i| (score, i < right)));
        }
        let map = Platt::fit(&samples).expect("both classes");
        assert!((map.slope - 2.0).abs() < 0.02 && (map.offset + 1.0).abs() < 0.02, "{map:?}");
        assert_eq!(Platt::fit(&[(1.0, true)]), None);
        let backwards = Platt::fit(&[(0.0, true), (1.0, false)]).expect("both classes");
        assert_eq!(backwards.slope, 0.0);
    }

    #[test]
    fn the_threshold_is_the_lowest_that_meets_the_budget() {
        let mut samples: Vec<Sample> = (0..100).map(|i| (f64::from(i), true)).collect();
        samples.extend((0..50).map(|i| (f64::from(i) - 50.0, false)));
        let threshold = lowest_threshold(&samples, 0.05, 0.05).expect("a clean top");
        assert!(threshold.bound <= 0.05 && threshold.at <= 0.0 && threshold.errors <= 1, "{threshold:?}");
        assert_eq!(lowest_threshold(&samples[..20], 0.05, 0.05), None, "20 right ones cannot show 5%");
    }

    proptest! {
        #[test]
        fn maps_never_decrease_and_stay_within_0_and_1(
            samples in prop::collection::vec((-5.0f64..5.0, any::<bool>()), 1..60),
            mut at in prop::collection::vec(-10.0f64..10.0, 2..20),
        ) {
            at.sort_by(f64::total_cmp);
            let maps = [
                Isotonic::fit(&samples).map(Calibration::Isotonic),
                Platt::fit(&samples).map(Calibration::Platt),
            ];
            for map in maps.into_iter().flatten() {
                let values: Vec<f64> = at.iter().map(|&score| map.probability(score)).collect();
                prop_assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
                prop_assert!(values.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
                prop_assert!((0.0..=1.0).contains(&map.probability(f64::NAN)));
            }
        }

        #[test]
        fn pools_are_the_min_max_solution(samples in prop::collection::vec((0u8..9, any::<bool>()), 1..50)) {
            let mut samples: Vec<Sample> = samples.into_iter().map(|(score, right)| (f64::from(score), right)).collect();
            let map = Isotonic::fit(&samples).expect("samples");
            samples.sort_by(|a, b| a.0.total_cmp(&b.0));
            let groups: Vec<(f64, f64)> = samples
                .chunk_by(|a, b| a.0 == b.0)
                .map(|ties| (ties.iter().filter(|(_, right)| *right).count() as f64, ties.len() as f64))
                .collect();
            let mean = |from: usize, to: usize| {
                let (right, count) = groups[from..=to].iter().fold((0.0, 0.0), |sum, group| (sum.0 + group.0, sum.1 + group.1));
                right / count
            };
            // Robertson, Wright and Dykstra 1988, theorem 1.4.4.
            let solution = |i: usize| {
                let lowest = |from: usize| (i..groups.len()).map(|to| mean(from, to)).fold(f64::INFINITY, f64::min);
                (0..=i).map(lowest).fold(f64::NEG_INFINITY, f64::max)
            };
            let extreme = 1.0 / (samples.len() as f64 + 2.0);
            let mut expected: Vec<f64> = (0..groups.len()).map(solution).collect();
            expected.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
            let found: Vec<f64> = map.knots().iter().map(|(_, probability)| *probability).collect();
            prop_assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                prop_assert!((found - expected.clamp(extreme, 1.0 - extreme)).abs() < 1e-12);
            }
        }
    }
}
