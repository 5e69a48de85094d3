//! [`Blend`]: a sentence encoder beside the static model. A text's vector is both vectors, one behind the other, so that
//! the cosine of two texts is the weighted mean of both models' cosines and one index serves both.

use std::sync::Arc;

use super::transformer::Encoder;
use super::{EmbedError, Embedder, Embedding, Role, Text};

/// An encoder with the static model, or alone.
pub struct Blend {
    base: Option<Arc<dyn Embedder>>,
    encoder: Arc<Encoder>,
    /// Factors of base and encoder; their squares sum to 1.
    factors: (f32, f32),
}

impl Blend {
    /// `share` of the cosine is the encoder's, in `0.0..=1.0`. At 1, or without a `base`, all of it is.
    pub fn new(base: Option<Arc<dyn Embedder>>, encoder: Arc<Encoder>, share: f32) -> Self {
        let share = if base.is_some() { share.clamp(0.0, 1.0) } else { 1.0 };
        Self { base, encoder, factors: ((1.0 - share).sqrt(), share.sqrt()) }
    }

    fn joined(&self, text: &Text<'_>, role: Role, own: &[f32]) -> Vec<f32> {
        let mut vector = Vec::with_capacity(self.dimension());
        if let Some(base) = self.mixed() {
            vector.extend(base.embed(text, role).iter().map(|x| x * self.factors.0));
        }
        vector.extend(own.iter().map(|x| x * self.factors.1));
        vector
    }

    /// The static model, where it has a share.
    fn mixed(&self) -> Option<&Arc<dyn Embedder>> {
        self.base.as_ref().filter(|_| self.factors.0 > 0.0)
    }
}

impl Embedder for Blend {
    fn dimension(&self) -> usize {
        self.mixed().map_or(0, |base| base.dimension()) + self.encoder.dimension()
    }

    fn embed(&self, text: &Text<'_>, role: Role) -> Vec<f32> {
        match role {
            Role::Query => self.embed_question(text).vector,
            Role::Passage => {
                let computed = self.embed_passages(std::slice::from_ref(text));
                let vector = computed.ok().and_then(|vectors| vectors.into_iter().next());
                vector.unwrap_or_else(|| vec![0.0; self.dimension()])
            }
        }
    }

    fn embed_question(&self, text: &Text<'_>) -> Embedding {
        match self.encoder.question(text.raw) {
            Ok(own) => Embedding { vector: self.joined(text, Role::Query, &own), shortfall: None },
            Err(error) => {
                Embedding { vector: vec![0.0; self.dimension()], shortfall: Some(error.to_string()) }
            }
        }
    }

    fn embed_passages(&self, texts: &[Text<'_>]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let raw: Vec<&str> = texts.iter().map(|text| text.raw).collect();
        let own = self.encoder.passages(&raw)?;
        Ok(texts.iter().zip(&own).map(|(text, own)| self.joined(text, Role::Passage, own)).collect())
    }

    fn fingerprint(&self) -> String {
        let base = self.mixed().map_or_else(|| "none".to_owned(), |base| base.fingerprint());
        format!("blend {} of {} with {base}", self.factors.1, self.encoder.fingerprint())
    }

    fn known_share(&self, terms: &[String]) -> f32 {
        self.base.as_ref().map_or(1.0, |base| base.known_share(terms))
    }

    fn light(&self) -> Option<&dyn Embedder> {
        self.base.as_deref()
    }

    fn waits(&self) -> bool {
        true
    }
}
