//! Weights from a file into a network's variables, by name. Nothing is guessed: a variable without weights, or with
//! weights of another shape, is an error that names it.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::TransformerError;
use super::folder::{Architecture, ModelFolder, Purpose};

/// Copies the folder's weights into `store`.
pub(super) fn load(store: &VarStore, folder: &ModelFolder) -> Result<(), TransformerError> {
    let file = &folder.weights;
    let mut wanted = store.variables();
    let mut unexpected = Vec::new();
    let mut put = |name: &str, weights: Tensor| -> Result<(), TransformerError> {
        let Some(target) = target(name, folder) else { return Ok(()) };
        let Some(mut variable) = wanted.remove(&target) else {
            unexpected.push(name.to_owned());
            return Ok(());
        };
        if variable.size() != weights.size() {
            let why = format!("`{name}` has the shape {:?}", weights.size());
            return Err(TransformerError::folder(
                file,
                &why,
                &format!("{:?}, as config.json has it", variable.size()),
            ));
        }
        tch::no_grad(|| variable.f_copy_(&weights.to_kind(Kind::Float)))
            .map_err(|error| TransformerError::folder(file, &format!("`{name}`: {error}"), "numbers"))
    };
    if file.extension().is_some_and(|extension| extension == "ot") {
        let all = Tensor::load_multi(file).map_err(|error| {
            TransformerError::folder(file, &error.to_string(), "weights as rust-bert writes them")
        })?;
        all.into_iter().try_for_each(|(name, tensor)| put(&name, tensor))?;
    } else {
        safetensors(file, &mut put)?;
    }
    complain(file, &wanted, &unexpected)
}

/// Every tensor of a safetensors file.
fn safetensors(
    file: &Path,
    put: &mut dyn FnMut(&str, Tensor) -> Result<(), TransformerError>,
) -> Result<(), TransformerError> {
    let fail = |why: &str| TransformerError::folder(file, why, "a whole safetensors file");
    let bytes = std::fs::read(file).map_err(|error| fail(&error.to_string()))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| fail(&error.to_string()))?;
    for (name, view) in tensors.tensors() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            // Position numbers and the like: no weights.
            Dtype::I64 | Dtype::I32 | Dtype::U8 | Dtype::BOOL => continue,
            other => return Err(fail(&format!("`{name}` is of type {other:?}, not F32, F16 or BF16"))),
        };
        let size: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        let tensor =
            Tensor::f_of_data_size(view.data(), &size, kind).map_err(|error| fail(&error.to_string()))?;
        put(&name, tensor)?;
    }
    Ok(())
}

/// Name of the network's variable that `name` is meant for; `None` for weights that are not used here.
fn target(name: &str, folder: &ModelFolder) -> Option<String> {
    let encoder = folder.purpose == Purpose::Encoder;
    if name.ends_with("position_ids") {
        return None;
    }
    // Old files call the two numbers of a normalisation so.
    let name = match (name.strip_suffix(".gamma"), name.strip_suffix(".beta")) {
        (Some(stem), _) => format!("{stem}.weight"),
        (_, Some(stem)) => format!("{stem}.bias"),
        _ => name.to_owned(),
    };
    if !encoder {
        return Some(name);
    }
    let wrappers = ["0.auto_model.", "auto_model.", "bert.", "roberta.", "distilbert."];
    let bare =
        wrappers.iter().fold(name.as_str(), |name, wrapper| name.strip_prefix(wrapper).unwrap_or(name));
    let is_body = ["embeddings.", "encoder.", "transformer."].iter().any(|part| bare.starts_with(part));
    let is_distil = folder.architecture == Architecture::DistilBert;
    is_body.then(|| if is_distil { format!("distilbert.{bare}") } else { bare.to_owned() })
}

/// Says which variables got nothing, and which weights nobody wanted.
fn complain(
    file: &Path,
    missing: &HashMap<String, Tensor>,
    unexpected: &[String],
) -> Result<(), TransformerError> {
    let some = |mut names: Vec<&str>| {
        names.sort_unstable();
        let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
        names.truncate(3);
        names.join(", ") + &more
    };
    let surplus = some(unexpected.iter().map(String::as_str).collect());
    if !missing.is_empty() {
        let mut why = format!("lacks {}", some(missing.keys().map(String::as_str).collect()));
        if !unexpected.is_empty() {
            why += &format!(", and has {surplus} instead");
        }
        return Err(TransformerError::folder(file, &why, "the weights of the network in config.json"));
    }
    if !unexpected.is_empty() {
        tracing::warn!("{}: not used: {surplus}", file.display());
    }
    Ok(())
}
