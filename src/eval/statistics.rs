//! Statistics over many queries or cases: the bootstrap, and measures of a confidence against what was right. Pure and
//! deterministic: the same seed gives the same bits whatever the number of threads.
//!
//! Every statistic takes a weight per item (how often the bootstrap drew it; [`ones`] for the plain value), so one sort
//! serves a thousand resamples.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// A 95% interval, lower and upper end.
pub type Interval = [f64; 2];

/// Weights of the sample itself: each of `n` items once.
pub fn ones(n: usize) -> Vec<u32> {
    vec![1; n]
}

/// Mean of the defined `values` under `weights`; `None` when there is none.
pub fn mean(values: &[Option<f64>], weights: &[u32]) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0u64);
    for (value, &weight) in values.iter().zip(weights) {
        if let Some(value) = value {
            sum += value * f64::from(weight);
            total += u64::from(weight);
        }
    }
    (total > 0).then(|| sum / total as f64)
}

/// 95% score interval of a rate of which `hits` in `n` were seen (Wilson 1927).
pub fn wilson(hits: u64, n: u64) -> Option<Interval> {
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return None;
    }
    let (rate, n) = (hits as f64 / n as f64, n as f64);
    let centre = rate + Z * Z / (2.0 * n);
    let half = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some([((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)])
}

/// Quantile `q` of `values`, interpolated between order statistics (Hyndman and Fan 1996, type 7). Sorts `values`.
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let position = q * (values.len().checked_sub(1)? as f64);
    let (below, above) = (values[position.floor() as usize], values[position.ceil() as usize]);
    Some(below + (above - below) * position.fract())
}

/// The non-parametric bootstrap with percentile intervals (Efron and Tibshirani 1993, chapter 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: usize,
    /// Seed; each resample has its own stream of it.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 1 }
    }
}

impl Bootstrap {
    /// 95% intervals of several statistics of `n` items at once, each from the same resamples. `statistics` gets the
    /// weight of each item and gives a value per statistic, always as many; `None` where a resample leaves it
    /// undefined. A statistic defined in fewer than half of the resamples has no interval.
    pub fn intervals(
        &self,
        n: usize,
        statistics: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Option<Interval>> {
        let draws: Vec<Vec<Option<f64>>> = (0..self.resamples)
            .into_par_iter()
            .map(|resample| statistics(&self.weights(n, resample)))
            .collect();
        let count = draws.first().map_or(0, Vec::len);
        let interval = |which: usize| {
            let mut values: Vec<f64> = draws.iter().filter_map(|draw| *draw.get(which)?).collect();
            if values.len() * 2 < draws.len() {
                return None;
            }
            Some([quantile(&mut values, 0.025)?, quantile(&mut values, 0.975)?])
        };
        (0..count).map(interval).collect()
    }

    /// How often each of `n` items is in the given resample.
    pub fn weights(&self, n: usize, resample: usize) -> Vec<u32> {
        let mut random = stream(self.seed, resample as u64);
        let mut weights = vec![0; n];
        for _ in 0..n {
            weights[below(&mut random, n)] += 1;
        }
        weights
    }
}

/// The `number`-th independent random stream of `seed`.
pub fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// A random index below `n` (Lemire 2019, without the rejection: the bias is below n / 2^64).
pub fn below(random: &mut impl Rng, n: usize) -> usize {
    ((u128::from(random.next_u64()) * n as u128) >> 64) as usize
}

/// `ids` in an order drawn by seed, the same whatever order they come in (Fisher–Yates).
pub fn shuffled(ids: impl IntoIterator<Item = String>, seed: u64) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort();
    let mut random = stream(seed, 0);
    for end in (1..ids.len()).rev() {
        ids.swap(end, below(&mut random, end + 1));
    }
    ids
}

/// Confidences, each with whether the thing it is about was right.
#[derive(Debug, Clone, Default)]
pub struct Confidences {
    /// `None` for an item that the question of confidence does not concern.
    items: Vec<Option<(f64, bool)>>,
    /// Positions of the others, most confident first; of equal ones the earlier first.
    order: Vec<usize>,
}

/// Items of equal confidence.
struct Tie {
    confidence: f64,
    right: u64,
    wrong: u64,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Items in the bin.
    pub count: u64,
    /// Their mean confidence.
    pub confidence: f64,
    /// The fraction of them that is right.
    pub accuracy: f64,
}

impl Bin {
    /// 95% interval of the fraction that is right.
    pub fn interval(&self) -> Option<Interval> {
        wilson((self.accuracy * self.count as f64).round() as u64, self.count)
    }
}

impl Confidences {
    /// `items`: confidence from 0 to 1 (clamped; NaN counts as 0) and whether it was right; `None` for an item that
    /// takes a weight but no part.
    pub fn new(items: impl IntoIterator<Item = Option<(f64, bool)>>) -> Self {
        let clean = |confidence: f64| if confidence.is_nan() { 0.0 } else { confidence.clamp(0.0, 1.0) };
        let items: Vec<Option<(f64, bool)>> = items
            .into_iter()
            .map(|item| item.map(|(confidence, right)| (clean(confidence), right)))
            .collect();
        let mut order: Vec<(f64, usize)> =
            items.iter().enumerate().filter_map(|(position, item)| Some(((*item)?.0, position))).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self { items, order: order.into_iter().map(|(_, position)| position).collect() }
    }

    /// The items, as given.
    pub fn items(&self) -> &[Option<(f64, bool)>] {
        &self.items
    }

    /// Number of items that take part.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none takes part.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Groups of equal confidence, highest first, without those of weight 0.
    fn ties(&self, weights: &[u32]) -> Vec<Tie> {
        let mut ties: Vec<Tie> = Vec::new();
        for &position in &self.order {
            let Some((confidence, is_right)) = self.items[position] else { continue };
            let weight = u64::from(weights[position]);
            if weight == 0 {
                continue;
            }
            let (right, wrong) = if is_right { (weight, 0) } else { (0, weight) };
            match ties.last_mut() {
                Some(tie) if tie.confidence == confidence => {
                    tie.right += right;
                    tie.wrong += wrong;
                }
                _ => ties.push(Tie { confidence, right, wrong }),
            }
        }
        ties
    }

    /// Area under the ROC curve: the probability that a right item has a higher confidence than a wrong one, equal ones
    /// counting half (the Mann–Whitney rank statistic; Hanley and McNeil 1982). `None` unless there are both.
    pub fn auroc(&self, weights: &[u32]) -> Option<f64> {
        let (mut right, mut wrong, mut above) = (0u64, 0u64, 0.0);
        for tie in self.ties(weights) {
            above += tie.wrong as f64 * (right as f64 + 0.5 * tie.right as f64);
            right += tie.right;
            wrong += tie.wrong;
        }
        (right > 0 && wrong > 0).then(|| above / (right as f64 * wrong as f64))
    }

    /// Area under the risk–coverage curve: the mean, over coverages 1/n … n/n taken most confident first, of the error
    /// rate among the covered (Geifman and El-Yaniv 2017). Equal confidences count in expectation over their orders.
    pub fn aurc(&self, weights: &[u32]) -> Option<f64> {
        let (mut covered, mut errors, mut area) = (0u64, 0.0, 0.0);
        for tie in self.ties(weights) {
            let size = tie.right + tie.wrong;
            let rate = tie.wrong as f64 / size as f64;
            for inside in 1..=size {
                area += (errors + rate * inside as f64) / (covered + inside) as f64;
            }
            covered += size;
            errors += tie.wrong as f64;
        }
        (covered > 0).then(|| area / covered as f64)
    }

    /// The risk–coverage curve: coverage and error rate at each distinct threshold, most confident first.
    pub fn risk_coverage(&self) -> Vec<(f64, f64)> {
        let (mut covered, mut errors) = (0, 0);
        let point = |tie: Tie| {
            covered += tie.right + tie.wrong;
            errors += tie.wrong;
            (covered as f64 / self.len() as f64, errors as f64 / covered as f64)
        };
        self.ties(&ones(self.items.len())).into_iter().map(point).collect()
    }

    /// Coverage at a precision: the largest fraction of items that some threshold accepts with at least `precision` of
    /// the accepted right; 0 when no threshold does. The threshold is chosen on these very items, so this is what the
    /// ranking by confidence allows, not what a threshold fitted elsewhere will reach.
    pub fn coverage_at(&self, precision: f64, weights: &[u32]) -> Option<f64> {
        let (mut covered, mut right, mut best) = (0u64, 0u64, 0u64);
        for tie in self.ties(weights) {
            covered += tie.right + tie.wrong;
            right += tie.right;
            if right as f64 >= precision * covered as f64 {
                best = covered;
            }
        }
        (covered > 0).then(|| best as f64 / covered as f64)
    }

    /// Mean squared difference of confidence and outcome (Brier 1950).
    pub fn brier(&self, weights: &[u32]) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0u64);
        for tie in self.ties(weights) {
            sum +=
                tie.right as f64 * (1.0 - tie.confidence).powi(2) + tie.wrong as f64 * tie.confidence.powi(2);
            total += tie.right + tie.wrong;
        }
        (total > 0).then(|| sum / total as f64)
    }

    /// Expected calibration error over ten bins of equal width (Naeini et al. 2015; Guo et al. 2017).
    pub fn ece(&self, weights: &[u32]) -> Option<f64> {
        calibration_error(&self.bins(weights))
    }

    /// Expected calibration error over ten bins of about equal mass (Nguyen and O'Connor 2015); equal confidences share
    /// a bin.
    pub fn ece_adaptive(&self, weights: &[u32]) -> Option<f64> {
        let ties = self.ties(weights);
        let total: u64 = ties.iter().map(|tie| tie.right + tie.wrong).sum();
        let mut before = 0;
        let placed = ties.into_iter().map(|tie| {
            let bin = (before * 10 / total.max(1)) as usize;
            before += tie.right + tie.wrong;
            (bin, tie)
        });
        calibration_error(&bins_of(placed.collect()))
    }

    /// The [`Confidences::ece`] to expect of the same confidences were they true probabilities: what the number of items
    /// alone makes of it. Per bin the mean absolute deviation of a binomial count (De Moivre's formula; Diaconis and Zabell
    /// 1991).
    pub fn ece_if_calibrated(&self, weights: &[u32]) -> Option<f64> {
        let bins = self.bins(weights);
        let total: u64 = bins.iter().map(|bin| bin.count).sum();
        let sum: f64 = bins.iter().map(|bin| mean_deviation(bin.count, bin.confidence)).sum();
        (total > 0).then(|| sum / total as f64)
    }

    /// The reliability diagram: ten bins of equal width, lowest confidence first; empty ones have count 0.
    pub fn bins(&self, weights: &[u32]) -> Vec<Bin> {
        let bin = |tie: &Tie| ((tie.confidence * 10.0) as usize).min(9);
        bins_of(self.ties(weights).into_iter().map(|tie| (bin(&tie), tie)).collect())
    }
}

fn bins_of(placed: Vec<(usize, Tie)>) -> Vec<Bin> {
    let mut sums = [(0u64, 0.0, 0u64); 10];
    for (bin, tie) in placed {
        let size = tie.right + tie.wrong;
        sums[bin].0 += size;
        sums[bin].1 += tie.confidence * size as f64;
        sums[bin].2 += tie.right;
    }
    let bin = |(count, confidence, right): (u64, f64, u64)| Bin {
        count,
        confidence: confidence / count.max(1) as f64,
        accuracy: right as f64 / count.max(1) as f64,
    };
    sums.into_iter().map(bin).collect()
}

/// E|K − np| of a binomial count K: 2 (m + 1) C(n, m + 1) p^(m + 1) (1 − p)^(n − m) with m = ⌊np⌋.
fn mean_deviation(n: u64, p: f64) -> f64 {
    let m = (n as f64 * p).floor();
    if n == 0 || p <= 0.0 || m >= n as f64 {
        return 0.0;
    }
    let choose: f64 = (0..=m as u64).map(|i| ((n - i) as f64 / (i + 1) as f64).ln()).sum();
    let log = (2.0 * (m + 1.0)).ln() + choose + (m + 1.0) * p.ln() + (n as f64 - m) * (1.0 - p).ln();
    log.exp()
}

fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let total: u64 = bins.iter().map(|bin| bin.count).sum();
    let sum: f64 = bins.iter().map(|bin| (bin.accuracy - bin.confidence).abs() * bin.count as f64).sum();
    (total > 0).then(|| sum / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-12), "{a:?} is not {b}");
    }

    /// Within a hundredth of it.
    fn close_to(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 0.01 * b), "{a:?} is not about {b}");
    }

    #[test]
    fn confidence_measures_are_as_worked_out_by_hand() {
        let all = Confidences::new([(0.9, true), (0.8, false), (0.8, true), (0.1, false)].map(Some));
        let weights = ones(4);
        close(all.auroc(&weights), (1.0 + 1.0 + 0.5 + 1.0) / 4.0);
        close(all.aurc(&weights), (0.0 + 0.5 / 2.0 + 1.0 / 3.0 + 2.0 / 4.0) / 4.0);
        close(all.coverage_at(0.6, &weights), 0.75);
        close(all.coverage_at(0.9, &weights), 0.25);
        close(all.brier(&weights), (0.01 + 0.64 + 0.04 + 0.01) / 4.0);
        close(all.ece(&weights), (0.1 + 2.0 * 0.3 + 0.1) / 4.0);
        assert_eq!(all.risk_coverage(), [(0.25, 0.0), (0.75, 1.0 / 3.0), (1.0, 0.5)]);
    }

    #[test]
    fn true_probabilities_have_an_error_too_when_items_are_few() {
        // One item of .5 is off by .5 whatever it is; of two, both alike in half of the cases, by 1 of 2 then.
        close(Confidences::new([Some((0.5, true))]).ece_if_calibrated(&ones(1)), 0.5);
        close(Confidences::new([Some((0.5, true)); 2]).ece_if_calibrated(&ones(2)), 0.25);
        close(Confidences::new([Some((1.0, true)), Some((0.0, false))]).ece_if_calibrated(&ones(2)), 0.0);
        let many = Confidences::new((0..10_000).map(|_| Some((0.75, true))));
        close_to(
            many.ece_if_calibrated(&ones(10_000)),
            (2.0 * 0.75 * 0.25 / std::f64::consts::PI / 10_000.0).sqrt(),
        );
        assert_eq!(Confidences::new([]).ece_if_calibrated(&[]), None);
    }

    #[test]
    fn weights_act_as_repetition() {
        let items = [(0.9, true), (0.7, false), (0.7, true), (0.2, false)].map(Some);
        let weighted = Confidences::new(items);
        let repeated = Confidences::new([items[0], items[0], items[2], items[3], items[3], items[3]]);
        let (weights, plain) = ([2, 0, 1, 3], ones(6));
        close(weighted.auroc(&weights), repeated.auroc(&plain).expect("both kinds"));
        close(weighted.aurc(&weights), repeated.aurc(&plain).expect("items"));
        close(weighted.ece_adaptive(&weights), repeated.ece_adaptive(&plain).expect("items"));
    }

    #[test]
    fn nothing_and_one_kind_are_undefined_rather_than_wrong() {
        let none = Confidences::new([]);
        assert_eq!(
            (none.auroc(&[]), none.aurc(&[]), none.ece(&[]), none.coverage_at(0.9, &[])),
            (None, None, None, None)
        );
        assert_eq!(Confidences::new([Some((0.5, true)), None, Some((f64::NAN, true))]).auroc(&ones(3)), None);
    }

    #[test]
    fn the_score_interval_is_wilsons() {
        // statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson")
        let [low, high] = wilson(8, 10).expect("n > 0");
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn the_bootstrap_covers_the_mean_and_repeats_itself() {
        let values: Vec<Option<f64>> = (0..400).map(|i| Some(f64::from(i % 4 == 0))).collect();
        let run = || Bootstrap::default().intervals(values.len(), |weights| vec![mean(&values, weights)]);
        let [low, high] = run()[0].expect("defined");
        // The standard error is sqrt(.25 × .75 / 400) = .0217, so the interval is about .25 ± .0424.
        assert!((low - 0.2076).abs() < 0.006 && (high - 0.2924).abs() < 0.006, "{low} {high}");
        assert_eq!(run(), run());
    }

    proptest! {
        #[test]
        fn auroc_is_the_pairwise_definition(items in prop::collection::vec((0u8..6, any::<bool>()), 2..40)) {
            let items: Vec<(f64, bool)> = items.into_iter().map(|(c, right)| (f64::from(c) / 5.0, right)).collect();
            let (mut sum, mut pairs) = (0.0, 0.0);
            for a in items.iter().filter(|item| item.1) {
                for b in items.iter().filter(|item| !item.1) {
                    pairs += 1.0;
                    sum += if a.0 > b.0 { 1.0 } else if a.0 == b.0 { 0.5 } else { 0.0 };
                }
            }
            let auroc = Confidences::new(items.iter().copied().map(Some)).auroc(&ones(items.len()));
            prop_assert_eq!(auroc.is_some(), pairs > 0.0);
            if let Some(auroc) = auroc {
                prop_assert!((auroc - sum / pairs).abs() < 1e-9);
            }
        }
    }
}
