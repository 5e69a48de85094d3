//! The networks themselves: rust-bert's BERT, RoBERTa and DistilBERT, as encoder or as pair classifier. Tokens in,
//! numbers out; lives on one thread.

use std::collections::{BTreeMap, HashMap};

use rust_bert::bert::{BertConfig, BertEmbeddings, BertForSequenceClassification, BertModel};
use rust_bert::distilbert::{DistilBertConfig, DistilBertModel, DistilBertModelClassifier};
use rust_bert::roberta::{RobertaEmbeddings, RobertaForSequenceClassification};
use rust_bert::{Activation, RustBertError};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::TransformerError;
use super::folder::{Architecture, ModelFolder, Pooling, Purpose, Shape};
use super::tokens::Tokens;
use super::weights;

enum Body {
    Bert(BertModel<BertEmbeddings>),
    Roberta(BertModel<RobertaEmbeddings>),
    DistilBert(DistilBertModel),
    BertPair(BertForSequenceClassification),
    RobertaPair(RobertaForSequenceClassification),
    DistilBertPair(DistilBertModelClassifier),
}

/// A network with its weights.
pub(super) struct Network {
    body: Body,
    pooling: Pooling,
    normalize: bool,
    padding: i64,
    // Owns the variables that `body` shares.
    store: VarStore,
}

impl Network {
    /// Builds the network and loads its weights.
    pub(super) fn open(folder: &ModelFolder) -> Result<Self, TransformerError> {
        let store = VarStore::new(Device::Cpu);
        let body = body(&store, folder)?;
        weights::load(&store, folder)?;
        let padding = if folder.architecture == Architecture::Roberta { 1 } else { 0 };
        Ok(Self { body, pooling: folder.pooling, normalize: folder.normalize, padding, store })
    }

    /// A BERT encoder with random weights, for training: the mean over the tokens, scaled to length 1.
    pub(super) fn untrained(shape: &Shape) -> Self {
        let store = VarStore::new(Device::Cpu);
        let model = BertModel::new_with_optional_pooler(store.root(), &bert(shape), false);
        Self { body: Body::Bert(model), pooling: Pooling::Mean, normalize: true, padding: 0, store }
    }

    /// Its variables by name.
    pub(super) fn variables(&self) -> BTreeMap<String, Tensor> {
        self.store.variables().into_iter().collect()
    }

    /// One row of numbers per text: its vector, or the classifier's outputs.
    pub(super) fn run(&self, texts: &[&Tokens]) -> Result<Vec<Vec<f32>>, TransformerError> {
        let numbers = tch::no_grad(|| self.numbers(texts))?;
        let width = numbers.size().last().copied().unwrap_or(0) as usize;
        let flat = Vec::<f32>::from(&numbers.contiguous().view([-1]));
        if width == 0 || flat.len() != width * texts.len() || flat.iter().any(|x| !x.is_finite()) {
            return Err(TransformerError::Failed("its numbers are not finite".to_owned()));
        }
        Ok(flat.chunks_exact(width).map(<[f32]>::to_vec).collect())
    }

    /// The same rows as they come from the network, with the way back to its variables where torch records one.
    pub(super) fn numbers(&self, texts: &[&Tokens]) -> Result<Tensor, TransformerError> {
        let longest = texts.iter().map(|tokens| tokens.ids.len()).max().unwrap_or(0);
        if longest == 0 {
            return Err(TransformerError::Failed("there is no token to read".to_owned()));
        }
        let table = |of: &dyn Fn(&Tokens) -> Vec<i64>, filling: i64| -> Tensor {
            let mut numbers = Vec::with_capacity(texts.len() * longest);
            for tokens in texts {
                numbers.extend(of(tokens));
                numbers.resize(numbers.len().next_multiple_of(longest), filling);
            }
            Tensor::of_slice(&numbers).view([texts.len() as i64, longest as i64])
        };
        let ids = table(&|tokens| tokens.ids.clone(), self.padding);
        let types = table(&|tokens| tokens.types.clone(), 0);
        let mask = table(&|tokens| vec![1; tokens.ids.len()], 0);
        self.forward(&ids, &types, &mask).map_err(failed)
    }

    fn forward(&self, ids: &Tensor, types: &Tensor, mask: &Tensor) -> Result<Tensor, RustBertError> {
        let (ids, mask_in) = (Some(ids), Some(mask));
        let hidden = match &self.body {
            Body::Bert(model) => {
                model.forward_t(ids, mask_in, Some(types), None, None, None, None, false)?.hidden_state
            }
            Body::Roberta(model) => {
                model.forward_t(ids, mask_in, None, None, None, None, None, false)?.hidden_state
            }
            Body::DistilBert(model) => model.forward_t(ids, mask_in, None, false)?.hidden_state,
            Body::BertPair(model) => {
                return Ok(model.forward_t(ids, mask_in, Some(types), None, None, false).logits);
            }
            Body::RobertaPair(model) => {
                return Ok(model.forward_t(ids, mask_in, None, None, None, false).logits);
            }
            Body::DistilBertPair(model) => return Ok(model.forward_t(ids, mask_in, None, false)?.logits),
        };
        Ok(self.pooled(&hidden, mask))
    }

    /// [texts, tokens, numbers] → [texts, numbers].
    fn pooled(&self, hidden: &Tensor, mask: &Tensor) -> Tensor {
        let mask = mask.to_kind(Kind::Float).unsqueeze(-1);
        let sum = || (hidden * &mask).sum_dim_intlist(Some([1_i64].as_slice()), false, Kind::Float);
        let count = || mask.sum_dim_intlist(Some([1_i64].as_slice()), false, Kind::Float).clamp_min(1e-9);
        let pooled = match self.pooling {
            Pooling::First => hidden.select(1, 0),
            Pooling::Mean => sum() / count(),
            Pooling::MeanSqrtLength => sum() / count().sqrt(),
            Pooling::Max => (hidden + (&mask - 1.0) * 1e9).amax(&[1], false),
        };
        if !self.normalize {
            return pooled;
        }
        let norm = (&pooled * &pooled).sum_dim_intlist(Some([1_i64].as_slice()), true, Kind::Float).sqrt();
        pooled / norm.clamp_min(1e-12)
    }
}

fn failed(error: RustBertError) -> TransformerError {
    TransformerError::Failed(error.to_string())
}

fn body(store: &VarStore, folder: &ModelFolder) -> Result<Body, TransformerError> {
    let root = store.root();
    let shape = &folder.shape;
    Ok(match (folder.architecture, folder.purpose) {
        (Architecture::Bert, Purpose::Encoder) => {
            Body::Bert(BertModel::new_with_optional_pooler(&root, &bert(shape), false))
        }
        (Architecture::Roberta, Purpose::Encoder) => {
            Body::Roberta(BertModel::new_with_optional_pooler(&root, &bert(shape), false))
        }
        (Architecture::DistilBert, Purpose::Encoder) => {
            Body::DistilBert(DistilBertModel::new(&root, &distil_bert(shape)))
        }
        (Architecture::Bert, Purpose::Reranker) => {
            Body::BertPair(BertForSequenceClassification::new(&root, &bert(shape)).map_err(failed)?)
        }
        (Architecture::Roberta, Purpose::Reranker) => {
            Body::RobertaPair(RobertaForSequenceClassification::new(&root, &bert(shape)).map_err(failed)?)
        }
        (Architecture::DistilBert, Purpose::Reranker) => {
            Body::DistilBertPair(DistilBertModelClassifier::new(&root, &distil_bert(shape)).map_err(failed)?)
        }
    })
}

fn activation(shape: &Shape) -> Activation {
    match shape.activation.as_str() {
        "relu" => Activation::relu,
        "swish" | "silu" => Activation::swish,
        "gelu_new" => Activation::gelu_new,
        "tanh" => Activation::tanh,
        "mish" => Activation::mish,
        _ => Activation::gelu,
    }
}

fn labels(shape: &Shape) -> Option<HashMap<i64, String>> {
    Some((0..shape.labels).map(|label| (label, label.to_string())).collect())
}

fn bert(shape: &Shape) -> BertConfig {
    BertConfig {
        hidden_act: activation(shape),
        hidden_size: shape.hidden,
        intermediate_size: shape.intermediate,
        max_position_embeddings: shape.positions,
        num_attention_heads: shape.heads,
        num_hidden_layers: shape.layers,
        type_vocab_size: shape.types,
        vocab_size: shape.vocabulary,
        id2label: labels(shape),
        ..BertConfig::default()
    }
}

fn distil_bert(shape: &Shape) -> DistilBertConfig {
    DistilBertConfig {
        activation: activation(shape),
        dim: shape.hidden,
        hidden_dim: shape.intermediate,
        max_position_embeddings: shape.positions,
        n_heads: shape.heads,
        n_layers: shape.layers,
        vocab_size: shape.vocabulary,
        id2label: labels(shape),
        ..DistilBertConfig::default()
    }
}
