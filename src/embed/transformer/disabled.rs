//! What stands for the transformers in a build without them: the same signatures, and an honest error on opening.

use std::convert::Infallible;
use std::time::Duration;

use super::folder::Shape;
use super::{ModelFolder, Resources, TransformerError, Variable};
use crate::embed::Role;

/// A sentence encoder; cannot be opened in this build.
#[derive(Debug)]
pub struct Encoder(Infallible);

impl Encoder {
    /// Loads a model.
    ///
    /// # Errors
    /// Always: this build has no transformers.
    pub fn open(_: &ModelFolder, _: &Resources) -> Result<Self, TransformerError> {
        Err(TransformerError::NotBuilt)
    }

    /// Numbers per vector.
    pub fn dimension(&self) -> usize {
        match self.0 {}
    }

    /// Identifies the vectors.
    pub fn fingerprint(&self) -> &str {
        match self.0 {}
    }

    /// Numbers of `text`'s tokens.
    pub fn token_ids(&self, _: &str, _: Role) -> Result<Vec<u32>, TransformerError> {
        match self.0 {}
    }

    /// The vector of one question.
    pub fn question(&self, _: &str) -> Result<Vec<f32>, TransformerError> {
        match self.0 {}
    }

    /// The vectors of the desk's texts.
    pub fn passages(&self, _: &[&str]) -> Result<Vec<Vec<f32>>, TransformerError> {
        match self.0 {}
    }

    /// Calls `report` with how many of how many texts are done.
    pub fn on_progress(&self, _: impl Fn(usize, usize) + Send + Sync + 'static) {
        match self.0 {}
    }
}

/// A re-ranker; cannot be opened in this build.
#[derive(Debug)]
pub struct CrossEncoder(Infallible);

impl CrossEncoder {
    /// Loads a model.
    ///
    /// # Errors
    /// Always: this build has no transformers.
    pub fn open(_: &ModelFolder, _: &Resources) -> Result<Self, TransformerError> {
        Err(TransformerError::NotBuilt)
    }

    /// Identifies the scores.
    pub fn fingerprint(&self) -> &str {
        match self.0 {}
    }

    /// How well each passage answers the question.
    pub fn scores(&self, _: &str, _: &[&str], _: Duration) -> Result<Vec<f32>, TransformerError> {
        match self.0 {}
    }
}

/// A network in training; cannot be started in this build.
#[derive(Debug)]
pub(in crate::embed) struct Learner(Infallible);

impl Learner {
    pub(in crate::embed) fn start(_: &Shape, _: usize) -> Result<Self, TransformerError> {
        Err(TransformerError::NotBuilt)
    }

    pub(in crate::embed) fn variables(&self) -> &[Variable] {
        match self.0 {}
    }

    pub(in crate::embed) fn load(&mut self, _: &[f32]) -> Result<(), TransformerError> {
        match self.0 {}
    }

    pub(in crate::embed) fn encode(&mut self, _: Vec<Vec<i64>>) -> Result<Vec<f32>, TransformerError> {
        match self.0 {}
    }

    pub(in crate::embed) fn forward(&mut self, _: Vec<Vec<i64>>) -> Result<Vec<f32>, TransformerError> {
        match self.0 {}
    }

    pub(in crate::embed) fn backward(&mut self, _: &[f32]) -> Result<Vec<f32>, TransformerError> {
        match self.0 {}
    }
}
