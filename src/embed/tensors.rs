//! Named tensors in a safetensors file with a note of what they are. Every reader refuses what it did not expect; knows
//! nothing of models.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::EmbedError;

/// Beyond this a header is damaged rather than ambitious.
const MAX_DIMENSION: usize = 4096;

pub(super) fn damaged(reason: impl ToString) -> EmbedError {
    EmbedError::Damaged(reason.to_string())
}

pub(super) type Metadata = BTreeMap<String, String>;
pub(super) type NamedTensor<'a> = (&'a str, Dtype, Vec<usize>, Vec<u8>);

pub(super) fn to_safetensors(
    tensors: &[NamedTensor<'_>],
    metadata: &[(&str, String)],
) -> Result<Vec<u8>, EmbedError> {
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, dtype, shape, data)| {
            Ok((*name, TensorView::new(*dtype, shape.clone(), data).map_err(damaged)?))
        })
        .collect::<Result<_, EmbedError>>()?;
    // One JSON value under one key: safetensors keeps metadata in a hash map, whose order would change from run to run.
    let note: BTreeMap<_, _> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let note = serde_json::to_string(&note).map_err(damaged)?;
    serialize(views, Some(HashMap::from([("madoguchi".to_owned(), note)]))).map_err(damaged)
}

pub(super) fn read_safetensors<'a>(
    bytes: &'a [u8],
    format: &str,
) -> Result<(SafeTensors<'a>, Metadata), EmbedError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let note = header.metadata().as_ref().and_then(|map| map.get("madoguchi")).map_or("{}", String::as_str);
    let note: Metadata = serde_json::from_str(note).map_err(damaged)?;
    let found = note.get("format").map_or("unknown", String::as_str);
    if found != format {
        return Err(EmbedError::Format { found: found.to_owned(), expected: format.to_owned() });
    }
    Ok((tensors, note))
}

pub(super) fn dimension(metadata: &Metadata) -> Result<usize, EmbedError> {
    let dimension = metadata.get("dimension").and_then(|d| d.parse().ok()).unwrap_or(0);
    if (1..=MAX_DIMENSION).contains(&dimension) { Ok(dimension) } else { Err(damaged("no usable dimension")) }
}

fn tensor<'a>(tensors: &SafeTensors<'a>, name: &str, dtype: Dtype) -> Result<TensorView<'a>, EmbedError> {
    let tensor = tensors.tensor(name).map_err(damaged)?;
    if tensor.dtype() == dtype {
        Ok(tensor)
    } else {
        Err(damaged(format!("`{name}` has an unexpected type")))
    }
}

pub(super) fn bytes<'a>(tensors: &SafeTensors<'a>, name: &str) -> Result<&'a [u8], EmbedError> {
    Ok(tensor(tensors, name, Dtype::U8)?.data())
}

pub(super) fn floats(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, EmbedError> {
    let data = tensor(tensors, name, Dtype::F32)?.data();
    let values: Vec<f32> = data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if values.iter().all(|x| x.is_finite()) {
        Ok(values)
    } else {
        Err(damaged(format!("`{name}` is not finite")))
    }
}

pub(super) fn words_of(bytes: &[u8]) -> Result<Vec<String>, EmbedError> {
    let text = std::str::from_utf8(bytes).map_err(damaged)?;
    Ok(if text.is_empty() { Vec::new() } else { text.split('\n').map(str::to_owned).collect() })
}

pub(super) fn pairs_of(values: &[f32]) -> Vec<[f32; 2]> {
    values.as_chunks::<2>().0.to_vec()
}

pub(super) fn bytes_of_f32(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(super) fn bytes_of_i8(values: &[i8]) -> Vec<u8> {
    values.iter().map(|&x| x as u8).collect()
}

pub(super) fn small_integers(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<i8>, EmbedError> {
    Ok(tensor(tensors, name, Dtype::I8)?.data().iter().map(|&x| x as i8).collect())
}
