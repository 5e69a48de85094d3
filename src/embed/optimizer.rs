//! Adam (Kingma & Ba 2015): on the rows and gains that a batch touched, where all others and their moments rest, and on
//! a network's weights all at once. Knows parameters and gradients only.

use std::collections::HashMap;

use rayon::prelude::*;

use super::contrast::{Gradient, Parameters};

const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
/// A gain beyond e^±4 would only overflow.
const GAIN_LIMIT: f32 = 4.0;

/// Moments of all parameters.
pub(super) struct Adam {
    pub(super) steps: i32,
    pub(super) first: Parameters,
    pub(super) second: Parameters,
}

impl Adam {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let zeros = || Parameters {
            dimension: parameters.dimension,
            rows: vec![0.0; parameters.rows.len()],
            gains: parameters.gains.each_ref().map(|gains| vec![0.0; gains.len()]),
        };
        Self { steps: 0, first: zeros(), second: zeros() }
    }

    /// One step of size `rate` along `gradient`.
    pub(super) fn step(&mut self, parameters: &mut Parameters, gradient: &Gradient, rate: f32) {
        self.steps += 1;
        let rule = Rule::after(self.steps, rate);
        let d = parameters.dimension;
        let touched: HashMap<u32, usize> =
            gradient.rows.iter().enumerate().map(|(place, &row)| (row, place)).collect();
        parameters
            .rows
            .par_chunks_mut(d)
            .zip(self.first.rows.par_chunks_mut(d))
            .zip(self.second.rows.par_chunks_mut(d))
            .enumerate()
            .with_min_len(256)
            .for_each(|(row, ((values, first), second))| {
                let Some(&place) = touched.get(&(row as u32)) else { return };
                for k in 0..d {
                    let g = gradient.row_values[place * d + k];
                    rule.apply(&mut values[k], &mut first[k], &mut second[k], g);
                }
            });
        for (&term, gains) in gradient.terms.iter().zip(&gradient.gains) {
            for (side, &g) in gains.iter().enumerate() {
                let term = term as usize;
                let Some(value) = parameters.gains[side].get_mut(term) else { continue };
                rule.apply(value, &mut self.first.gains[side][term], &mut self.second.gains[side][term], g);
                *value = value.clamp(-GAIN_LIMIT, GAIN_LIMIT);
            }
        }
    }
}

/// Adam over weights that every batch touches.
pub(super) struct DenseAdam {
    pub(super) steps: i32,
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

impl DenseAdam {
    pub(super) fn new(weights: usize) -> Self {
        Self { steps: 0, first: vec![0.0; weights], second: vec![0.0; weights] }
    }

    /// One step of size `rate` along `gradient`.
    pub(super) fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f32) {
        self.steps += 1;
        let rule = Rule::after(self.steps, rate);
        let moments = self.first.par_iter_mut().zip(self.second.par_iter_mut());
        weights
            .par_iter_mut()
            .zip(moments)
            .zip(gradient)
            .with_min_len(1 << 16)
            .for_each(|((weight, (first, second)), &g)| rule.apply(weight, first, second, g));
    }
}

struct Rule {
    rate: f32,
    first_bias: f32,
    second_bias: f32,
}

impl Rule {
    fn after(steps: i32, rate: f32) -> Self {
        let bias = |decay: f32| 1.0 - decay.powi(steps);
        Self { rate, first_bias: bias(FIRST_DECAY), second_bias: bias(SECOND_DECAY) }
    }

    fn apply(&self, value: &mut f32, first: &mut f32, second: &mut f32, gradient: f32) {
        *first = FIRST_DECAY * *first + (1.0 - FIRST_DECAY) * gradient;
        *second = SECOND_DECAY * *second + (1.0 - SECOND_DECAY) * gradient * gradient;
        *value -= self.rate * (*first / self.first_bias) / ((*second / self.second_bias).sqrt() + 1e-8);
    }
}
