//! Fetching a model from the Hugging Face Hub, when an operator says so and never else.

use std::path::Path;

use anyhow::Context;
use hf_hub::api::sync::ApiBuilder;

use super::folder::{FILES, WEIGHTS};

/// Copies the files of model `name` (`organisation/model`) into `folder`.
///
/// # Errors
/// When the hub cannot be reached or has no such model, or a file that is needed is not there.
pub fn fetch(name: &str, folder: &Path) -> anyhow::Result<()> {
    let cache = folder.join("download");
    let unreachable = "the Hugging Face Hub cannot be reached or has no such model; \
                       fetch the folder elsewhere and give it to `madoguchi models add DIR`";
    let api = ApiBuilder::new()
        .with_cache_dir(cache.clone())
        .with_retries(0)
        .build()
        .with_context(|| format!("hf:{name}: {unreachable}"))?;
    let repository = api.model(name.to_owned());
    let listing = repository.info().with_context(|| format!("hf:{name}: {unreachable}"))?;
    let weights = WEIGHTS.iter().find(|file| listing.siblings.iter().any(|there| there.rfilename == **file));
    let wanted = |file: &str| {
        FILES.contains(&file) || weights == Some(&file) || file.ends_with("_Pooling/config.json")
    };
    for there in listing.siblings.iter().map(|there| there.rfilename.as_str()).filter(|file| wanted(file)) {
        let fetched = repository.get(there).with_context(|| format!("hf:{name}: {there} does not arrive"))?;
        let file = folder.join(there);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::copy(&fetched, &file).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(std::fs::remove_dir_all(&cache)?)
}
