//! Linear scores by gradient descent (Adam, full batch) on standardised features, for the losses of [`super::boost`].

use super::boost::{Loss, Table};

/// Weights over raw features plus a bias (0 for softmax, which cannot see one).
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

/// Fits a linear score; `penalty` is the L2 penalty on standardised weights, per group.
pub fn fit(table: &Table, loss: Loss, penalty: f32) -> Linear {
    let (means, deviations) = moments(table);
    let width = table.width;
    let mut weights = vec![0.0_f32; width];
    let mut bias = 0.0_f32;
    let (mut m, mut v) = (vec![0.0_f32; width + 1], vec![0.0_f32; width + 1]);
    let total: f32 = table.weights.iter().sum::<f32>().max(1.0);
    let standard = |row: &[f32], j: usize| (row[j] - means[j]) / deviations[j];
    for step in 1..=300 {
        let scores: Vec<f32> = (0..table.targets.len())
            .map(|row| {
                let x = table.row(row);
                bias + (0..width).map(|j| weights[j] * standard(x, j)).sum::<f32>()
            })
            .collect();
        let (gradients, _) = super::boost::derivatives(table, &scores, loss);
        let mut slope = vec![0.0_f32; width + 1];
        for (row, gradient) in gradients.iter().enumerate().filter(|(_, g)| **g != 0.0) {
            let x = table.row(row);
            for (j, slope) in slope[..width].iter_mut().enumerate() {
                *slope += gradient * standard(x, j);
            }
            slope[width] += gradient;
        }
        if loss == Loss::Softmax {
            slope[width] = 0.0;
        }
        let rate = 0.1 * (1.0 - step as f32 / 301.0);
        for j in 0..=width {
            let own = if j < width { weights[j] } else { 0.0 };
            let g = slope[j] / total + penalty * own;
            m[j] = 0.9 * m[j] + 0.1 * g;
            v[j] = 0.99 * v[j] + 0.01 * g * g;
            let (mh, vh) = (m[j] / (1.0 - 0.9_f32.powi(step)), v[j] / (1.0 - 0.99_f32.powi(step)));
            let change = rate * mh / (vh.sqrt() + 1e-8);
            if j < width { weights[j] -= change } else { bias -= change }
        }
    }
    let raw: Vec<f32> = weights.iter().zip(&deviations).map(|(w, d)| w / d).collect();
    let shift: f32 = raw.iter().zip(&means).map(|(w, m)| w * m).sum();
    let bias = if loss == Loss::Softmax { 0.0 } else { bias - shift };
    Linear { weights: raw, bias }
}

fn moments(table: &Table) -> (Vec<f32>, Vec<f32>) {
    let rows = table.targets.len().max(1) as f64;
    let mut means = vec![0.0_f64; table.width];
    let mut squares = vec![0.0_f64; table.width];
    for row in 0..table.targets.len() {
        for (j, x) in table.row(row).iter().enumerate() {
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
        let linear = fit(&table, Loss::Logistic, 1e-3);
        assert!(linear.weights[0] > 5.0 * linear.weights[1].abs());
        assert!(linear.score(&[0.9, 0.5]) > 0.0 && linear.score(&[0.3, 0.5]) < 0.0);
    }
}
