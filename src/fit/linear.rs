//! Linear scores by gradient descent (Adam, full batch) on standardised features, for two losses: softmax over the
//! candidates of one question (ListNet's top-one loss, Cao et al. 2007) and logistic.

/// Rows with targets, in groups (the candidates of one question, or one row each).
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Features per row.
    pub width: usize,
    values: Vec<f32>,
    targets: Vec<f32>,
    /// First row of each group, and the number of rows last.
    groups: Vec<usize>,
    weights: Vec<f32>,
}

impl Table {
    /// An empty table of rows of `width` features.
    pub fn new(width: usize) -> Self {
        Self { width, groups: vec![0], ..Self::default() }
    }

    /// Adds a group; rows as (features, target: 1 right, 0 wrong).
    pub fn push(&mut self, rows: &[(impl AsRef<[f32]>, f32)], weight: f32) {
        for (features, target) in rows {
            let features = features.as_ref();
            debug_assert_eq!(features.len(), self.width);
            self.values.extend_from_slice(features);
            self.targets.push(*target);
        }
        self.groups.push(self.targets.len());
        self.weights.push(weight);
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    fn range(&self, group: usize) -> std::ops::Range<usize> {
        self.groups[group]..self.groups[group + 1]
    }
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of the softmax over a group's scores with its targets. Cannot see a bias.
    Softmax,
    /// Logistic loss of each row.
    Logistic,
}

/// Weights over raw features plus a bias (0 for softmax).
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// One weight per feature.
    pub weights: Vec<f32>,
    /// Added to every score.
    pub bias: f32,
}

impl Linear {
    /// Score of a row.
    pub fn score(&self, row: &[f32]) -> f32 {
        self.bias + self.weights.iter().zip(row).map(|(w, x)| w * x).sum::<f32>()
    }
}

/// How a linear score is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitting {
    /// Loss.
    pub loss: Loss,
    /// L2 penalty on standardised weights, per group.
    pub penalty: f32,
    /// Whether weights must not be negative: every feature then means what its name says, and a feature that cannot help
    /// drops out instead of cancelling another.
    pub only_positive: bool,
}

/// Weights the penalty pulls towards; zero where there is no prior.
pub type Prior<'a> = Option<&'a [f32]>;

/// Steps of gradient descent; the rate falls to zero over them.
const STEPS: i32 = 300;

/// Fits a linear score. Deterministic.
pub fn fit(table: &Table, fitting: &Fitting, prior: Prior<'_>) -> Linear {
    let (means, deviations) = moments(table);
    let width = table.width;
    let standard: Vec<f32> = table
        .values
        .chunks_exact(width.max(1))
        .flat_map(|row| row.iter().zip(&means).zip(&deviations).map(|((x, m), d)| (x - m) / d))
        .collect();
    let home: Vec<f32> = match prior {
        Some(prior) => prior.iter().zip(&deviations).map(|(w, d)| w * d).collect(),
        None => vec![0.0; width],
    };
    let mut weights: Vec<f32> = home.iter().copied().chain([0.0]).collect();
    let (mut m, mut v) = (vec![0.0_f32; width + 1], vec![0.0_f32; width + 1]);
    let total: f32 = table.weights.iter().sum::<f32>().max(1.0);
    for step in 1..=STEPS {
        let scores: Vec<f32> = standard
            .chunks_exact(width.max(1))
            .map(|row| weights[width] + row.iter().zip(&weights).map(|(x, w)| x * w).sum::<f32>())
            .collect();
        let mut slope = vec![0.0_f32; width + 1];
        for (row, gradient) in gradients(table, &scores, fitting.loss).iter().enumerate() {
            if *gradient != 0.0 {
                let x = &standard[row * width..(row + 1) * width];
                slope.iter_mut().zip(x).for_each(|(s, x)| *s += gradient * x);
                slope[width] += gradient;
            }
        }
        if fitting.loss == Loss::Softmax {
            slope[width] = 0.0;
        }
        let rate = 0.1 * (1.0 - step as f32 / (STEPS + 1) as f32);
        for j in 0..=width {
            let penalty = if j < width { fitting.penalty * (weights[j] - home[j]) } else { 0.0 };
            let g = slope[j] / total + penalty;
            m[j] = 0.9 * m[j] + 0.1 * g;
            v[j] = 0.99 * v[j] + 0.01 * g * g;
            let (mh, vh) = (m[j] / (1.0 - 0.9_f32.powi(step)), v[j] / (1.0 - 0.99_f32.powi(step)));
            weights[j] -= rate * mh / (vh.sqrt() + 1e-8);
            if fitting.only_positive && j < width {
                weights[j] = weights[j].max(0.0);
            }
        }
    }
    let bias = weights.pop().unwrap_or_default();
    let raw: Vec<f32> = weights.iter().zip(&deviations).map(|(w, d)| w / d).collect();
    let shift: f32 = raw.iter().zip(&means).map(|(w, m)| w * m).sum();
    let bias = if fitting.loss == Loss::Softmax { 0.0 } else { bias - shift };
    Linear { weights: raw, bias }
}

/// Derivative of the loss by each row's score.
fn gradients(table: &Table, scores: &[f32], loss: Loss) -> Vec<f32> {
    let mut out = vec![0.0; scores.len()];
    for group in 0..table.len() {
        let (range, weight) = (table.range(group), table.weights[group]);
        match loss {
            Loss::Softmax => {
                let total: f32 = table.targets[range.clone()].iter().sum();
                if total <= 0.0 {
                    continue;
                }
                let top = scores[range.clone()].iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = scores[range.clone()].iter().map(|s| (s - top).exp()).sum();
                for row in range {
                    out[row] = weight * ((scores[row] - top).exp() / sum - table.targets[row] / total);
                }
            }
            Loss::Logistic => {
                for row in range {
                    out[row] = weight * (1.0 / (1.0 + (-scores[row]).exp()) - table.targets[row]);
                }
            }
        }
    }
    out
}

fn moments(table: &Table) -> (Vec<f32>, Vec<f32>) {
    let rows = table.targets.len().max(1) as f64;
    let mut means = vec![0.0_f64; table.width];
    let mut squares = vec![0.0_f64; table.width];
    for row in table.values.chunks_exact(table.width.max(1)) {
        for (j, x) in row.iter().enumerate() {
            means[j] += f64::from(*x);
            squares[j] += f64::from(*x) * f64::from(*x);
        }
    }
    let deviation = |(s, m): (&f64, &f64)| ((s / rows - (m / rows).powi(2)).max(0.0).sqrt() as f32).max(1e-3);
    let deviations = squares.iter().zip(&means).map(deviation).collect();
    (means.iter().map(|m| (m / rows) as f32).collect(), deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_informative_feature_gets_the_weight() {
        let mut table = Table::new(2);
        for i in 0..200 {
            let x = i as f32 / 200.0;
            let noise = ((i * 37) % 100) as f32 / 100.0;
            table.push(&[(&[x, noise], f32::from(x > 0.6))], 1.0);
        }
        let linear =
            fit(&table, &Fitting { loss: Loss::Logistic, penalty: 1e-3, only_positive: false }, None);
        assert!(linear.weights[0] > 5.0 * linear.weights[1].abs());
        assert!(linear.score(&[0.9, 0.5]) > 0.0 && linear.score(&[0.3, 0.5]) < 0.0);
    }

    #[test]
    fn softmax_learns_which_candidate_wins_and_keeps_weights_positive() {
        let mut table = Table::new(2);
        for i in 0..100 {
            let x = (i % 10) as f32 / 10.0;
            // The right candidate has more of the first feature; the second only misleads.
            table.push(&[(&[x + 0.3, 0.0], 1.0), (&[x, 1.0], 0.0), (&[x - 0.2, 0.5], 0.0)], 1.0);
        }
        let linear = fit(&table, &Fitting { loss: Loss::Softmax, penalty: 1e-3, only_positive: true }, None);
        assert!(linear.weights[0] > 1.0);
        assert_eq!(linear.weights[1], 0.0);
        assert_eq!(linear.bias, 0.0);
    }
}
