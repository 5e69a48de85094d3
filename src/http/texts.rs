//! The interface's own texts, Japanese and English, from one file: `messages.toml`. Templates, scripts and problem
//! documents all read it. What the desk says to customers is not here: that is the desk's wording (`kb/wording.toml`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::kb::{Language, Localized};

static CATALOGUE: LazyLock<BTreeMap<String, Localized>> = LazyLock::new(|| {
    let file = include_str!("messages.toml").parse().expect("messages.toml is checked by a test");
    let mut catalogue = BTreeMap::new();
    flatten("", &file, &mut catalogue);
    catalogue
});

/// Tables become dotted keys; a table of `ja` and `en` is a text.
fn flatten(prefix: &str, table: &toml::Table, catalogue: &mut BTreeMap<String, Localized>) {
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let text = |language: &str| inner.get(language).and_then(toml::Value::as_str).map(str::to_owned);
        match (text("ja"), text("en")) {
            (Some(ja), Some(en)) => {
                catalogue.insert(path, Localized { ja, en });
            }
            _ => flatten(&path, inner, catalogue),
        }
    }
}

/// The interface's texts in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Language);

impl Texts {
    /// The text under `key`; the key itself if there is none, so that a slip shows without breaking the page.
    pub(super) fn get<'a>(&self, key: &'a str) -> &'a str {
        self.find(key).unwrap_or(key)
    }

    /// The text under `key`.
    pub(super) fn find(&self, key: &str) -> Option<&'static str> {
        CATALOGUE.get(key).map(|text| text.get(self.0))
    }

    /// The text under `key` with `{name}` placeholders filled.
    pub(super) fn fill(&self, key: &str, values: &[(&str, String)]) -> String {
        fill(self.get(key), values)
    }

    /// Things one after the other.
    pub(super) fn list(&self, items: &[impl AsRef<str>]) -> String {
        let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
        items.join(if self.0 == Language::Ja { "、" } else { ", " })
    }

    /// BCP 47 tag for `lang` attributes.
    pub(super) fn tag(&self) -> &'static str {
        self.0.tag()
    }

    /// Everything scripts need, as an ES module with one object: keys without the problem documents' texts.
    pub(super) fn script(&self) -> String {
        let texts: BTreeMap<&str, &str> = CATALOGUE
            .iter()
            .filter(|(key, _)| !key.starts_with("problem."))
            .map(|(key, text)| (key.as_str(), text.get(self.0)))
            .collect();
        let json = serde_json::to_string(&texts).expect("strings always serialise");
        format!("export default {json};\n")
    }
}

/// `text` with `{name}` placeholders filled.
pub(super) fn fill(text: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The language a client prefers: the first of `ja` and `en` in an `Accept-Language` value by weight; Japanese if none.
pub(super) fn preferred_language(accept_language: &str) -> Language {
    let mut best = (Language::Ja, 0.0_f32);
    for item in accept_language.split(',') {
        let mut parts = item.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("ja") => Language::Ja,
            Some("en") => Language::En,
            _ => continue,
        };
        let weight = parts
            .find_map(|part| part.trim().strip_prefix("q=").map(str::to_owned))
            .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// The language with this tag.
pub(super) fn language_of(tag: &str) -> Option<Language> {
    [Language::Ja, Language::En].into_iter().find(|language| language.tag() == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_both_languages_and_the_same_placeholders() {
        assert!(CATALOGUE.len() > 50, "the catalogue was read");
        let placeholders = |text: &str| {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
                .collect();
            names.sort();
            names.dedup();
            names
        };
        for (key, text) in CATALOGUE.iter() {
            assert!(!text.ja.trim().is_empty() && !text.en.trim().is_empty(), "{key} lacks a language");
            assert_eq!(placeholders(&text.ja), placeholders(&text.en), "{key}");
        }
    }

    #[test]
    fn every_text_that_a_template_or_script_names_exists() {
        let root = env!("CARGO_MANIFEST_DIR");
        let used = regex::Regex::new(r#"\bt(?:\.get|\.fill)?\(\s*["'`]([a-z_]+(?:\.[a-z_]+)+)["'`]"#)
            .expect("pattern");
        let mut seen = 0;
        for folder in ["templates", "src/http", "src/http/assets"] {
            for file in std::fs::read_dir(format!("{root}/{folder}")).expect("folder") {
                let path = file.expect("entry").path();
                if !path.is_file() {
                    continue;
                }
                let source = std::fs::read_to_string(&path).expect("text file");
                for found in used.captures_iter(&source) {
                    seen += 1;
                    assert!(CATALOGUE.contains_key(&found[1]), "{} names {}", path.display(), &found[1]);
                }
            }
        }
        assert!(seen > 50, "the pattern finds the uses: {seen}");
    }

    #[test]
    fn the_preferred_language_follows_the_weights() {
        for (header, expected) in [
            ("", Language::Ja),
            ("en-US,en;q=0.9,ja;q=0.8", Language::En),
            ("fr,ja;q=0.5,en;q=0.4", Language::Ja),
            ("ja;q=0.2, en;q=0.7", Language::En),
            ("de", Language::Ja),
            ("en;q=nonsense", Language::Ja),
        ] {
            assert_eq!(preferred_language(header), expected, "{header:?}");
        }
    }
}
