//! Writes an encoder as a folder in Hugging Face layout, with the settings of sentence-transformers and a model card. What
//! `embed/transformer/folder.rs` reads.

use std::collections::HashMap;
use std::fmt;
use std::fs;

use anyhow::{Context, anyhow};
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::EncoderArgs;
use super::pieces::Pieces;
use super::state::State;
use crate::embed::train::card::write_sources;
use crate::embed::train::data::Corpus;
use crate::embed::train::write_whole;
use crate::embed::transformer::Variable;
use crate::embed::transformer::folder::Shape;

const POOLING: &str = "1_Pooling";

/// Everything that is written.
pub(super) struct Written<'a> {
    pub(super) args: &'a EncoderArgs,
    pub(super) corpus: &'a Corpus,
    pub(super) pieces: &'a Pieces,
    pub(super) shape: &'a Shape,
    pub(super) variables: &'a [Variable],
    pub(super) state: &'a State,
    /// Held-out pairs of the curve.
    pub(super) measured: usize,
}

impl Written<'_> {
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let out = &self.args.out;
        let pooling = out.join(POOLING);
        fs::create_dir_all(&pooling).with_context(|| format!("cannot create {}", pooling.display()))?;
        let tokenizer =
            self.pieces.tokenizer.to_string(false).map_err(|error| anyhow!("tokenizer: {error}"))?;
        write_whole(&out.join("tokenizer.json"), tokenizer.as_bytes())?;
        for (name, value) in self.descriptions() {
            write_whole(&out.join(name), (serde_json::to_string_pretty(&value)? + "\n").as_bytes())?;
        }
        write_whole(&out.join("model.safetensors"), &self.weights()?)?;
        write_whole(&out.join("README.md"), self.to_string().as_bytes())
    }

    fn descriptions(&self) -> [(String, Value); 5] {
        let Shape { vocabulary, hidden, layers, heads, intermediate, positions, types, activation, .. } =
            self.shape;
        let module = |kind: &str, path: &str, at: usize| json!({"idx": at, "name": at.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}")});
        [
            (
                "config.json".to_owned(),
                json!({
                    "architectures": ["BertModel"], "model_type": "bert", "vocab_size": vocabulary, "hidden_size": hidden,
                    "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": intermediate,
                    "max_position_embeddings": positions, "type_vocab_size": types, "hidden_act": activation,
                    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "layer_norm_eps": 1e-12,
                    "pad_token_id": 0, "position_embedding_type": "absolute",
                }),
            ),
            (
                "tokenizer_config.json".to_owned(),
                json!({
                    "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions, "pad_token": "[PAD]",
                    "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
                }),
            ),
            (
                "modules.json".to_owned(),
                json!([
                    module("Transformer", "", 0),
                    module("Pooling", POOLING, 1),
                    module("Normalize", "2_Normalize", 2)
                ]),
            ),
            (
                "sentence_bert_config.json".to_owned(),
                json!({"max_seq_length": positions, "do_lower_case": false}),
            ),
            (
                format!("{POOLING}/config.json"),
                json!({"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": true}),
            ),
        ]
    }

    /// The weights in half precision, by the names that BERT's have.
    fn weights(&self) -> anyhow::Result<Vec<u8>> {
        let mut rest = self.state.weights.as_slice();
        let mut tensors: Vec<(&str, &[usize], Vec<u8>)> = Vec::new();
        for variable in self.variables {
            let (own, others) = rest.split_at_checked(variable.len()).context("there are too few weights")?;
            let bytes = own.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect();
            tensors.push((&variable.name, &variable.size, bytes));
            rest = others;
        }
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|(name, size, bytes)| {
                TensorView::new(Dtype::F16, size.to_vec(), bytes).map(|view| (*name, view))
            })
            .collect();
        // What transformers looks for before it reads a file.
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        Ok(safetensors::serialize(views?, Some(format))?)
    }
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { args, corpus, pieces, shape, variables, state, measured } = self;
        let weights: usize = variables.iter().map(Variable::len).sum();
        writeln!(f, "# Model card: sentence encoder\n")?;
        writeln!(f, "Written by `madoguchi train encoder`; do not edit.\n")?;
        writeln!(
            f,
            "BERT that began as the static model (its term's vector for each piece, layers that add almost nothing) and was trained \
             on pairs of texts. Mean over the tokens, length 1, no prefixes. No text of the training data is in the files.\n"
        )?;
        writeln!(f, "| | |\n| --- | --- |")?;
        writeln!(
            f,
            "| network | {} layers × {}, {} heads, {} inside, {} positions, {:.1} million weights |",
            shape.layers,
            shape.hidden,
            shape.heads,
            shape.intermediate,
            shape.positions,
            weights as f64 / 1e6
        )?;
        writeln!(f, "| tokenizer | {} pieces, unigram |", pieces.len())?;
        writeln!(f, "| training data | SHA-256 `{}` |", corpus.hash)?;
        writeln!(
            f,
            "| settings | seed {}, batch {} of a pool of {}, {} of it near, texts of {} tokens, rate {}, temperature {}, dropout {}, \
             spans {}, neighbors {} |",
            args.seed,
            args.batch,
            args.pool,
            args.near,
            args.tokens,
            args.rate,
            args.temperature,
            args.dropout,
            args.spans,
            args.neighbors
        )?;
        writeln!(
            f,
            "| batches | {} of {}, {:.0} s with {} threads |\n",
            state.next_batch, args.batches, state.seconds, args.threads
        )?;
        writeln!(f, "## Curve, held-out pairs told apart among {measured}\n")?;
        writeln!(
            f,
            "| batches | minutes | loss | held-out loss | mean reciprocal rank |\n| --- | --- | --- | --- | --- |"
        )?;
        for point in &state.curve {
            let loss = if point.loss.is_finite() { format!("{:.3}", point.loss) } else { String::new() };
            writeln!(
                f,
                "| {} | {:.1} | {loss} | {:.3} | {:.3} |",
                point.batch,
                point.seconds / 60.0,
                point.held_out_loss,
                point.reciprocal_rank
            )?;
        }
        writeln!(f)?;
        write_sources(f, corpus)
    }
}
