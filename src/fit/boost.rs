//! Gradient-boosted trees by Newton steps on binned features (Friedman 2001; Chen and Guestrin 2016), for two losses:
//! softmax over the candidates of one question (ListNet's top-one loss, Cao et al. 2007) and logistic.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::answer::trees::{Forest, Node};

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Number of trees.
    pub trees: usize,
    /// Longest path from root to leaf.
    pub depth: usize,
    /// Step size.
    pub rate: f32,
    /// Least sum of hessians in a leaf.
    pub leaf_weight: f32,
    /// L2 penalty on leaf values.
    pub penalty: f32,
    /// Share of groups each tree sees.
    pub sample: f64,
    /// Seed of the sampling.
    pub seed: u64,
}

/// Rows with targets, in groups (the candidates of one question, or one row each).
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Features per row.
    pub width: usize,
    /// Row-major features.
    pub values: Vec<f32>,
    /// Target of each row: 1 right, 0 wrong (graded for softmax: share of relevance).
    pub targets: Vec<f32>,
    /// First row of each group, and the number of rows last.
    pub groups: Vec<usize>,
    /// Weight of each group.
    pub weights: Vec<f32>,
}

impl Table {
    /// An empty table of rows of `width` features.
    pub fn new(width: usize) -> Self {
        Self { width, groups: vec![0], ..Self::default() }
    }

    /// Adds a group; rows as (features, target).
    pub fn push(&mut self, rows: &[(&[f32], f32)], weight: f32) {
        for (features, target) in rows {
            debug_assert_eq!(features.len(), self.width);
            self.values.extend_from_slice(features);
            self.targets.push(*target);
        }
        self.groups.push(self.targets.len());
        self.weights.push(weight);
    }

    /// Features of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Rows of a group.
    pub fn range(&self, group: usize) -> std::ops::Range<usize> {
        self.groups[group]..self.groups[group + 1]
    }
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of the softmax over a group's scores with its targets.
    Softmax,
    /// Logistic loss of each row.
    Logistic,
}

/// Grows a forest on top of `base` (one score per row).
pub fn grow(table: &Table, base: &[f32], loss: Loss, growth: &Growth) -> Forest {
    let bins = Bins::of(table);
    let mut scores = base.to_vec();
    let mut random = StdRng::seed_from_u64(growth.seed);
    let mut forest = Forest::default();
    let mut order: Vec<usize> = (0..table.len()).collect();
    for _ in 0..growth.trees {
        let (gradients, hessians) = derivatives(table, &scores, loss);
        order.shuffle(&mut random);
        let seen = ((table.len() as f64 * growth.sample).ceil() as usize).clamp(1, table.len().max(1));
        let mut rows: Vec<u32> =
            order.iter().take(seen).flat_map(|&g| table.range(g)).map(|row| row as u32).collect();
        rows.sort_unstable();
        let grower =
            Grower { bins: &bins, gradients: &gradients, hessians: &hessians, growth, width: table.width };
        let mut tree = Vec::new();
        // A random half of the features per tree decorrelates the trees.
        let features: Vec<usize> = (0..table.width).filter(|_| random.random::<f32>() < 0.7).collect();
        grower.split(rows, 0, &features, &mut tree);
        for (row, score) in scores.iter_mut().enumerate() {
            *score += Forest::value(&tree, table.row(row));
        }
        forest.0.push(tree);
    }
    forest
}

/// First and second derivative of the loss by each row's score.
pub(super) fn derivatives(table: &Table, scores: &[f32], loss: Loss) -> (Vec<f32>, Vec<f32>) {
    let mut gradients = vec![0.0; scores.len()];
    let mut hessians = vec![0.0; scores.len()];
    for group in 0..table.len() {
        let weight = table.weights[group];
        let range = table.range(group);
        match loss {
            Loss::Softmax => {
                let total: f32 = table.targets[range.clone()].iter().sum();
                if total <= 0.0 {
                    continue;
                }
                let top = scores[range.clone()].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = scores[range.clone()].iter().map(|s| (s - top).exp()).sum();
                for row in range {
                    let p = (scores[row] - top).exp() / sum;
                    gradients[row] = weight * (p - table.targets[row] / total);
                    hessians[row] = weight * (p * (1.0 - p)).max(1e-4);
                }
            }
            Loss::Logistic => {
                for row in range {
                    let p = 1.0 / (1.0 + (-scores[row]).exp());
                    gradients[row] = weight * (p - table.targets[row]);
                    hessians[row] = weight * (p * (1.0 - p)).max(1e-4);
                }
            }
        }
    }
    (gradients, hessians)
}

/// Mean loss per group, for choosing settings.
pub fn mean_loss(table: &Table, scores: &[f32], loss: Loss) -> f64 {
    let mut sum = 0.0_f64;
    let mut count = 0.0_f64;
    for group in 0..table.len() {
        let range = table.range(group);
        let weight = f64::from(table.weights[group]);
        match loss {
            Loss::Softmax => {
                let total: f32 = table.targets[range.clone()].iter().sum();
                if total <= 0.0 {
                    continue;
                }
                let top = scores[range.clone()].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let z = scores[range.clone()].iter().map(|s| (s - top).exp()).sum::<f32>().ln() + top;
                let gain: f32 = range.map(|row| table.targets[row] / total * (z - scores[row])).sum();
                sum += weight * f64::from(gain);
            }
            Loss::Logistic => {
                for row in range {
                    let signed = if table.targets[row] > 0.5 { scores[row] } else { -scores[row] };
                    sum += weight * f64::from((1.0 + (-signed).exp()).ln());
                }
            }
        }
        count += weight;
    }
    sum / count.max(f64::MIN_POSITIVE)
}

/// Features cut into at most 64 bins of about equal size.
struct Bins {
    /// Ascending cut points per feature; bin b holds values ≤ cuts\[b\].
    cuts: Vec<Vec<f32>>,
    /// Feature-major bin of each row.
    of: Vec<Vec<u8>>,
}

const BINS: usize = 64;

impl Bins {
    fn of(table: &Table) -> Self {
        let rows = table.targets.len();
        let mut cuts = Vec::with_capacity(table.width);
        let mut of = Vec::with_capacity(table.width);
        for feature in 0..table.width {
            let mut values: Vec<f32> = (0..rows).map(|row| table.row(row)[feature]).collect();
            values.sort_by(f32::total_cmp);
            let mut points: Vec<f32> =
                (1..BINS).filter_map(|i| values.get(i * rows / BINS).copied()).collect();
            points.dedup();
            let bin = |row: usize| points.partition_point(|cut| *cut < table.row(row)[feature]) as u8;
            of.push((0..rows).map(bin).collect());
            cuts.push(points);
        }
        Self { cuts, of }
    }
}

struct Grower<'a> {
    bins: &'a Bins,
    gradients: &'a [f32],
    hessians: &'a [f32],
    growth: &'a Growth,
    width: usize,
}

/// A way to split: feature, bin (values up to its cut go left), gain.
struct Best {
    feature: usize,
    bin: usize,
    gain: f32,
}

impl Grower<'_> {
    /// Appends the subtree over `rows` to `tree` and returns its position.
    fn split(&self, rows: Vec<u32>, depth: usize, features: &[usize], tree: &mut Vec<Node>) -> u16 {
        let at = u16::try_from(tree.len()).expect("a tree has few nodes");
        let (g, h) = self.sums(&rows);
        tree.push(Node::Leaf { v: -self.growth.rate * g / (h + self.growth.penalty) });
        if depth == self.growth.depth {
            return at;
        }
        let Some(best) = self.best(&rows, g, h, features) else { return at };
        debug_assert!(best.feature < self.width);
        let bins = &self.bins.of[best.feature];
        let (left, right): (Vec<u32>, Vec<u32>) =
            rows.into_iter().partition(|&row| usize::from(bins[row as usize]) <= best.bin);
        let l = self.split(left, depth + 1, features, tree);
        let r = self.split(right, depth + 1, features, tree);
        let t = self.bins.cuts[best.feature][best.bin];
        tree[usize::from(at)] = Node::Split { f: best.feature as u16, t, l, r };
        at
    }

    fn sums(&self, rows: &[u32]) -> (f32, f32) {
        rows.iter().fold((0.0, 0.0), |(g, h), &row| {
            (g + self.gradients[row as usize], h + self.hessians[row as usize])
        })
    }

    fn best(&self, rows: &[u32], g: f32, h: f32, features: &[usize]) -> Option<Best> {
        let worth = |g: f32, h: f32| g * g / (h + self.growth.penalty);
        let mut best: Option<Best> = None;
        for &feature in features {
            let cuts = self.bins.cuts[feature].len();
            let mut histogram = [(0.0_f32, 0.0_f32); BINS];
            let bins = &self.bins.of[feature];
            for &row in rows {
                let slot = &mut histogram[usize::from(bins[row as usize])];
                slot.0 += self.gradients[row as usize];
                slot.1 += self.hessians[row as usize];
            }
            let (mut lg, mut lh) = (0.0, 0.0);
            for (bin, slot) in histogram.iter().enumerate().take(cuts) {
                lg += slot.0;
                lh += slot.1;
                let (rg, rh) = (g - lg, h - lh);
                if lh < self.growth.leaf_weight || rh < self.growth.leaf_weight {
                    continue;
                }
                let gain = worth(lg, lh) + worth(rg, rh) - worth(g, h);
                if gain > 1e-4 && best.as_ref().is_none_or(|best| gain > best.gain) {
                    best = Some(Best { feature, bin, gain });
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROWTH: Growth =
        Growth { trees: 60, depth: 3, rate: 0.2, leaf_weight: 1.0, penalty: 1.0, sample: 0.8, seed: 7 };

    #[test]
    fn logistic_trees_learn_an_exclusive_or() {
        let mut table = Table::new(2);
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..600 {
            let (a, b): (f32, f32) = (random.random(), random.random());
            let right = (a > 0.5) != (b > 0.5);
            table.push(&[(&[a, b], f32::from(right))], 1.0);
        }
        let base = vec![0.0; 600];
        let forest = grow(&table, &base, Loss::Logistic, &GROWTH);
        let after: Vec<f32> = (0..600).map(|row| forest.predict(table.row(row))).collect();
        assert!(mean_loss(&table, &after, Loss::Logistic) < 0.3 * mean_loss(&table, &base, Loss::Logistic));
        assert!(forest.predict(&[0.9, 0.1]) > 1.0 && forest.predict(&[0.9, 0.9]) < -1.0);
    }

    #[test]
    fn softmax_trees_put_the_right_candidate_first() {
        let mut table = Table::new(2);
        let mut random = StdRng::seed_from_u64(2);
        for _ in 0..200 {
            let rows: Vec<[f32; 2]> = (0..10).map(|_| [random.random(), random.random()]).collect();
            // The right one is the one closest to 0.3 in the first feature: not a linear rule.
            let best = (0..10).min_by(|a, b| (rows[*a][0] - 0.3).abs().total_cmp(&(rows[*b][0] - 0.3).abs()));
            let group: Vec<(&[f32], f32)> = rows
                .iter()
                .enumerate()
                .map(|(i, row)| (row.as_slice(), f32::from(Some(i) == best)))
                .collect();
            table.push(&group, 1.0);
        }
        let base = vec![0.0; table.targets.len()];
        let forest = grow(&table, &base, Loss::Softmax, &GROWTH);
        let after: Vec<f32> = (0..base.len()).map(|row| forest.predict(table.row(row))).collect();
        assert!(mean_loss(&table, &after, Loss::Softmax) < 0.6 * mean_loss(&table, &base, Loss::Softmax));
        assert_eq!(forest, grow(&table, &base, Loss::Softmax, &GROWTH), "the seed decides");
    }
}
