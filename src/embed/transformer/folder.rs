//! [`ModelFolder`]: what the files of a model in Hugging Face layout say, checked before any weight is read. Knows no
//! network: it is part of every build, so that `models list` and the desk's messages are the same with and without one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::TransformerError;
use crate::embed::Role;

/// What `models add` writes into the folder: what was registered, so that a changed file is noticed.
pub const REGISTRATION: &str = "madoguchi.json";
/// Where the weights may be, the first that is there wins.
pub const WEIGHTS: [&str; 2] = ["model.safetensors", "rust_model.ot"];
/// Files that decide the vectors, besides the weights; those that are not there are no loss but for the first two.
pub const FILES: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

/// The shapes of network that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// BERT.
    Bert,
    /// RoBERTa, XLM-R and CamemBERT: positions begin behind the padding's number.
    Roberta,
    /// DistilBERT.
    DistilBert,
}

/// What the network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Text → vector.
    Encoder,
    /// Question and passage → score.
    Reranker,
}

impl Purpose {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Reranker => "reranker",
        }
    }
}

/// How token vectors become the text's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Mean over the tokens.
    Mean,
    /// The first token.
    First,
    /// Largest number of each dimension.
    Max,
    /// Sum divided by the square root of the number of tokens.
    MeanSqrtLength,
}

/// Sizes of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the word embeddings.
    pub vocabulary: i64,
    /// Numbers per token.
    pub hidden: i64,
    /// Layers.
    pub layers: i64,
    /// Attention heads.
    pub heads: i64,
    /// Numbers inside a feed-forward block.
    pub intermediate: i64,
    /// Rows of the position embeddings.
    pub positions: i64,
    /// Rows of the token type embeddings; 0 where there are none.
    pub types: i64,
    /// Outputs of a classifier.
    pub labels: i64,
    /// Name of the activation function.
    pub activation: String,
}

/// What a text of either [`Role`] is led by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefixes {
    /// Before a question.
    pub query: String,
    /// Before a text of the desk.
    pub passage: String,
}

impl Prefixes {
    /// The one of `role`.
    pub fn of(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.query,
            Role::Passage => &self.passage,
        }
    }
}

/// What was registered of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Name of the folder.
    pub name: String,
    /// Encoder or re-ranker.
    pub purpose: Purpose,
    /// Where it came from: a folder or `hf:NAME`.
    pub source: String,
    /// Numbers per vector; 1 for a re-ranker.
    pub dimension: i64,
    /// Prefixes in force.
    pub prefixes: Prefixes,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
}

/// A model's folder, read and checked.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    /// The folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Shape of network.
    pub architecture: Architecture,
    /// Encoder or re-ranker.
    pub purpose: Purpose,
    /// Sizes.
    pub shape: Shape,
    /// How a vector is made of the tokens'.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// Whether texts are put into lower case before tokenizing.
    pub lower_case: bool,
    /// Longest text, tokens with the special ones.
    pub max_tokens: usize,
    /// Prefixes in force.
    pub prefixes: Prefixes,
    /// File of the weights.
    pub weights: PathBuf,
    /// Registration, if the model has one.
    pub registration: Option<Registration>,
}

impl ModelFolder {
    /// Reads the folder's descriptions; the weights are only looked for.
    ///
    /// # Errors
    /// A file that is missing, malformed or describes something that cannot be run here, and what was expected.
    pub fn read(path: &Path) -> Result<Self, TransformerError> {
        if !path.is_dir() {
            let expected = "a model's folder; `madoguchi models add` makes one";
            return Err(TransformerError::folder(path, "is no folder", expected));
        }
        let config = Description::open(path, "config.json", "the model's description")?;
        let architecture = architecture(&config)?;
        let shape = shape(&config, architecture)?;
        let is_reranker = config.value["architectures"][0]
            .as_str()
            .is_some_and(|name| name.ends_with("ForSequenceClassification"));
        let purpose = if is_reranker { Purpose::Reranker } else { Purpose::Encoder };
        require(path, "tokenizer.json", "the tokenizer in the format of the tokenizers library")?;
        let weights = weights(path)?;
        let (pooling, normalize) = steps(path)?;
        let limits = optional(path, "sentence_bert_config.json")?;
        let registration = registration(path)?;
        let prefixes = match &registration {
            Some(registration) => registration.prefixes.clone(),
            None => prompts(path)?,
        };
        Ok(Self {
            name: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            path: path.to_owned(),
            max_tokens: max_tokens(path, &limits, architecture, &shape)?,
            lower_case: limits["do_lower_case"].as_bool().unwrap_or(false),
            architecture,
            purpose,
            shape,
            pooling,
            normalize,
            prefixes,
            weights,
            registration,
        })
    }

    /// Numbers per vector; for a re-ranker, per pair.
    pub fn dimension(&self) -> usize {
        let numbers = if self.purpose == Purpose::Encoder { self.shape.hidden } else { self.shape.labels };
        usize::try_from(numbers).expect("sizes are checked to be positive")
    }

    /// SHA-256 of each file that decides the vectors.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn hashes(&self) -> Result<BTreeMap<String, String>, TransformerError> {
        let weights = self.weights.file_name().map(|name| name.to_string_lossy().into_owned());
        let pooling = pooling_file(&self.path)?;
        let names = FILES.iter().map(|name| (*name).to_owned()).chain(weights).chain(pooling);
        names
            .map(|name| (self.path.join(&name), name))
            .filter(|(file, _)| file.is_file())
            .map(|(file, name)| Ok((name, hash(&file)?)))
            .collect()
    }

    /// Identifies the vectors: files, prefixes and how they are made. Differs from the registered files: refused.
    ///
    /// # Errors
    /// When a file cannot be read or is not the one that was registered.
    pub fn fingerprint(&self) -> Result<String, TransformerError> {
        let hashes = self.hashes()?;
        for (name, registered) in self.registration.iter().flat_map(|registration| &registration.files) {
            if hashes.get(name) != Some(registered) {
                let why = "differs from what was registered";
                let expected = format!("SHA-256 {registered}; `madoguchi models add` registers the new one");
                return Err(TransformerError::folder(&self.path.join(name), why, &expected));
            }
        }
        let mut hasher = Sha256::new();
        for (name, hash) in &hashes {
            hasher.update(format!("{name}\0{hash}\0"));
        }
        let Self { prefixes, pooling, normalize, max_tokens, .. } = self;
        hasher.update(format!(
            "{}\0{}\0{pooling:?}\0{normalize}\0{max_tokens}",
            prefixes.query, prefixes.passage
        ));
        Ok(hex::encode(hasher.finalize()))
    }
}

/// SHA-256 of a file, read piece by piece.
fn hash(file: &Path) -> Result<String, TransformerError> {
    let fail = |error: std::io::Error| TransformerError::folder(file, &error.to_string(), "a readable file");
    let mut reader = std::io::BufReader::with_capacity(1 << 20, fs::File::open(file).map_err(fail)?);
    let mut hasher = Sha256::new();
    loop {
        let piece = std::io::BufRead::fill_buf(&mut reader).map_err(fail)?;
        let length = piece.len();
        if length == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(piece);
        std::io::BufRead::consume(&mut reader, length);
    }
}

/// A JSON file of the folder.
struct Description {
    file: PathBuf,
    value: Value,
}

impl Description {
    fn open(folder: &Path, name: &str, what: &str) -> Result<Self, TransformerError> {
        let file = require(folder, name, what)?;
        let value = parse(&file)?;
        Ok(Self { file, value })
    }

    fn fail(&self, why: &str, expected: &str) -> TransformerError {
        TransformerError::folder(&self.file, why, expected)
    }

    /// A size of the network: positive and bounded, so that a wrong file cannot ask for all memory.
    fn size(&self, names: &[&str]) -> Result<i64, TransformerError> {
        const LARGEST: i64 = 2_000_000;
        let found = names.iter().find_map(|name| self.value.get(*name));
        found.and_then(Value::as_i64).filter(|size| (1..=LARGEST).contains(size)).ok_or_else(|| {
            let said = found.map_or_else(|| "is missing".to_owned(), |value| format!("is {value}"));
            self.fail(&format!("`{}` {said}", names[0]), "a positive whole number")
        })
    }
}

fn require(folder: &Path, name: &str, what: &str) -> Result<PathBuf, TransformerError> {
    let file = folder.join(name);
    if file.is_file() { Ok(file) } else { Err(TransformerError::folder(&file, "is missing", what)) }
}

fn parse(file: &Path) -> Result<Value, TransformerError> {
    let bytes = fs::read(file)
        .map_err(|error| TransformerError::folder(file, &error.to_string(), "a readable file"))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| TransformerError::folder(file, &error.to_string(), "a JSON object"))
}

/// The file's contents, or nothing when it is not there.
fn optional(folder: &Path, name: &str) -> Result<Value, TransformerError> {
    let file = folder.join(name);
    if file.is_file() { parse(&file) } else { Ok(Value::Null) }
}

fn architecture(config: &Description) -> Result<Architecture, TransformerError> {
    const KNOWN: &str = "bert, roberta, xlm-roberta, camembert or distilbert";
    let position = config.value["position_embedding_type"].as_str().unwrap_or("absolute");
    if position != "absolute" {
        return Err(config.fail(&format!("`position_embedding_type` is {position}"), "absolute"));
    }
    match config.value["model_type"].as_str() {
        Some("bert") => Ok(Architecture::Bert),
        Some("roberta" | "xlm-roberta" | "camembert") => match config.value["pad_token_id"].as_i64() {
            None | Some(1) => Ok(Architecture::Roberta),
            Some(other) => Err(config.fail(&format!("`pad_token_id` is {other}"), "1")),
        },
        Some("distilbert") => Ok(Architecture::DistilBert),
        Some(other) => Err(config.fail(&format!("`model_type` is {other}"), KNOWN)),
        None => Err(config.fail("`model_type` is missing", KNOWN)),
    }
}

fn shape(config: &Description, architecture: Architecture) -> Result<Shape, TransformerError> {
    let is_distil = architecture == Architecture::DistilBert;
    let activation = if is_distil { "activation" } else { "hidden_act" };
    let activation = config.value[activation].as_str().unwrap_or("gelu").to_owned();
    if !["gelu", "relu", "swish", "silu", "gelu_new", "tanh", "mish"].contains(&activation.as_str()) {
        return Err(
            config.fail(&format!("the activation is {activation}"), "gelu, relu, silu, gelu_new or tanh")
        );
    }
    let labels = config.value["id2label"].as_object().map_or(2, |labels| labels.len().max(1) as i64);
    let shape = Shape {
        vocabulary: config.size(&["vocab_size"])?,
        hidden: config.size(&["hidden_size", "dim"])?,
        layers: config.size(&["num_hidden_layers", "n_layers"])?,
        heads: config.size(&["num_attention_heads", "n_heads"])?,
        intermediate: config.size(&["intermediate_size", "hidden_dim"])?,
        positions: config.size(&["max_position_embeddings"])?,
        types: if is_distil { 0 } else { config.size(&["type_vocab_size"])? },
        labels,
        activation,
    };
    if shape.hidden % shape.heads != 0 {
        let why = format!("`hidden_size` {} is no multiple of {} heads", shape.hidden, shape.heads);
        return Err(config.fail(&why, "a multiple"));
    }
    if shape.hidden > 8_192 || shape.layers > 128 || shape.positions > 65_536 {
        return Err(config.fail("the network is larger than any that runs here", "at most 128 layers × 8192"));
    }
    Ok(shape)
}

fn weights(path: &Path) -> Result<PathBuf, TransformerError> {
    let found = WEIGHTS.iter().map(|name| path.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| {
        let pickled = path.join("pytorch_model.bin");
        if pickled.is_file() {
            let expected = "model.safetensors (convert it: transformers' `save_pretrained` writes one)";
            return TransformerError::folder(&pickled, "holds pickled weights, which are not read", expected);
        }
        TransformerError::folder(&path.join(WEIGHTS[0]), "is missing", "the weights")
    })
}

#[derive(Debug, Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

/// The steps of modules.json; none when there is no such file.
fn modules(path: &Path) -> Result<Vec<Module>, TransformerError> {
    let file = path.join("modules.json");
    match optional(path, "modules.json")? {
        Value::Null => Ok(Vec::new()),
        value => serde_json::from_value(value).map_err(|error| {
            TransformerError::folder(&file, &error.to_string(), "sentence-transformers' modules")
        }),
    }
}

/// Name of the pooling's description, relative to the folder.
fn pooling_file(path: &Path) -> Result<Option<String>, TransformerError> {
    let pooling = modules(path)?.into_iter().find(|module| module.kind.ends_with(".Pooling"));
    Ok(pooling.map(|module| format!("{}/config.json", module.path)))
}

/// Pooling and normalisation, as modules.json has them; mean and length 1 where there is none.
fn steps(path: &Path) -> Result<(Pooling, bool), TransformerError> {
    let modules = modules(path)?;
    if modules.is_empty() {
        return Ok((Pooling::Mean, true));
    }
    let known = ["Transformer", "Pooling", "Normalize"];
    let kind_of = |module: &Module| module.kind.rsplit('.').next().unwrap_or_default().to_owned();
    if let Some(other) = modules.iter().map(kind_of).find(|kind| !known.contains(&kind.as_str())) {
        let why = format!("has a step {other}, which cannot be run");
        return Err(TransformerError::folder(
            &path.join("modules.json"),
            &why,
            "Transformer, Pooling and Normalize",
        ));
    }
    let normalize = modules.iter().any(|module| kind_of(module) == "Normalize");
    let Some(file) = pooling_file(path)? else { return Ok((Pooling::First, normalize)) };
    let description = Description::open(path, &file, "the pooling's description")?;
    Ok((pooling(&description)?, normalize))
}

fn pooling(description: &Description) -> Result<Pooling, TransformerError> {
    const MODES: [(&str, Pooling); 4] = [
        ("pooling_mode_cls_token", Pooling::First),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        ("pooling_mode_max_tokens", Pooling::Max),
        ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
    ];
    let is_on = |name: &str| description.value[name].as_bool() == Some(true);
    let on: Vec<&str> = description
        .value
        .as_object()
        .map(|all| {
            all.keys()
                .map(String::as_str)
                .filter(|name| name.starts_with("pooling_mode") && is_on(name))
                .collect()
        })
        .unwrap_or_default();
    match (on.as_slice(), MODES.iter().find(|(name, _)| is_on(name))) {
        ([_], Some((_, pooling))) => Ok(*pooling),
        ([], None) if description.value["pooling_mode"].as_str() == Some("mean") => Ok(Pooling::Mean),
        ([], None) if description.value["pooling_mode"].as_str() == Some("cls") => Ok(Pooling::First),
        ([], _) => Err(description.fail("names no way of pooling", "one of mean, cls, max, mean_sqrt_len")),
        _ => Err(description
            .fail(&format!("asks for {}", on.join(" and ")), "one of mean, cls, max, mean_sqrt_len")),
    }
}

fn max_tokens(
    path: &Path,
    limits: &Value,
    architecture: Architecture,
    shape: &Shape,
) -> Result<usize, TransformerError> {
    let tokenizer = optional(path, "tokenizer_config.json")?;
    // Positions of RoBERTa's shapes begin at the padding's number plus one.
    let offset = if architecture == Architecture::Roberta { 2 } else { 0 };
    let most = u64::try_from(shape.positions - offset).unwrap_or(0);
    let said = limits["max_seq_length"].as_u64().or_else(|| tokenizer["model_max_length"].as_u64());
    let tokens = said.map_or(most, |said| said.min(most));
    if tokens < 3 {
        let file = path.join("config.json");
        return Err(TransformerError::folder(&file, "leaves no room for a text", "at least 3 positions"));
    }
    Ok(usize::try_from(tokens).expect("positions are bounded"))
}

/// The prompts of config_sentence_transformers.json.
fn prompts(path: &Path) -> Result<Prefixes, TransformerError> {
    let value = optional(path, "config_sentence_transformers.json")?;
    let prompt = |names: &[&str]| {
        let found = names.iter().find_map(|name| value["prompts"][*name].as_str());
        found.unwrap_or_default().to_owned()
    };
    Ok(Prefixes { query: prompt(&["query"]), passage: prompt(&["passage", "document", "corpus"]) })
}

fn registration(path: &Path) -> Result<Option<Registration>, TransformerError> {
    let file = path.join(REGISTRATION);
    match optional(path, REGISTRATION)? {
        Value::Null => Ok(None),
        value => serde_json::from_value(value).map(Some).map_err(|error| {
            TransformerError::folder(&file, &error.to_string(), "what `madoguchi models add` writes")
        }),
    }
}
