//! Configuration in two stages: what TOML file, environment (`MADOGUCHI_*`) and command line say, in that order of
//! weakness, and the validated [`Config`]. The only reader of the environment. Errors name the source, the key and the
//! remedy.

mod tier;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::app::Limits;
use crate::embed::transformer::TierOptions;

/// Everything `serve` needs to know, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Where the database and the index live; created if missing.
    pub data_dir: PathBuf,
    /// The desk's files.
    pub kb_dir: PathBuf,
    /// Dictionary and model.
    pub models_dir: PathBuf,
    /// Origins (`https://shop.example`) whose pages may embed the widget.
    pub trusted_origins: Vec<String>,
    /// Whether cookies carry `Secure`: set it when the desk is served over HTTPS.
    pub secure_cookies: bool,
    /// Limits of the use cases.
    pub limits: Limits,
    /// Limits of the HTTP server.
    pub http: HttpLimits,
    /// Transformers, where the desk uses some.
    pub tier: TierOptions,
    /// Whether logs are JSON lines.
    pub log_json: bool,
    /// Log filter, as `tracing_subscriber::EnvFilter` reads it.
    pub log: String,
}

/// Limits of the HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Largest request body, bytes.
    pub body_bytes: usize,
    /// Time for a request's headers to arrive, milliseconds.
    pub header_timeout_ms: u64,
    /// Time for a request to arrive whole, and for one that only reads to be answered, milliseconds (event streams are
    /// exempt, and so is what changes something: it runs to its end).
    pub request_timeout_ms: u64,
    /// Time for requests under way to finish at shutdown, milliseconds.
    pub shutdown_ms: u64,
    /// Messages a client address may send per minute; 0 = no limit.
    pub messages_per_minute: u32,
}

/// What the command line says; `None` = not said.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--listen ADDR:PORT`
    pub listen: Option<String>,
    /// `--data DIR`
    pub data_dir: Option<PathBuf>,
    /// `--kb DIR`
    pub kb_dir: Option<PathBuf>,
    /// `--models DIR`
    pub models_dir: Option<PathBuf>,
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}; {remedy}")]
pub struct ConfigError {
    /// Where: file and key, variable or flag.
    pub place: String,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// The file as written: every key optional, unknown keys refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    kb_dir: Option<PathBuf>,
    models_dir: Option<PathBuf>,
    trusted_origins: Option<Vec<String>>,
    secure_cookies: Option<bool>,
    log_json: Option<bool>,
    log: Option<String>,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    http: RawHttp,
    #[serde(default)]
    encoder: tier::RawEncoder,
    #[serde(default)]
    reranker: tier::RawReranker,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    message_chars: Option<u64>,
    query_chars: Option<u64>,
    session_minutes: Option<u64>,
    sign_in_minutes: Option<u64>,
    trace_days: Option<u64>,
    serving_wait_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    body_bytes: Option<u64>,
    header_timeout_ms: Option<u64>,
    request_timeout_ms: Option<u64>,
    shutdown_ms: Option<u64>,
    messages_per_minute: Option<u64>,
}

impl Config {
    /// Reads file, environment and `flags`. Without `--config`, `MADOGUCHI_CONFIG` or else `madoguchi.toml` in the
    /// working directory is read, the latter only if it exists.
    ///
    /// # Errors
    /// The first setting that cannot be used, with its place and the remedy.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let environment: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::resolve(flags, &environment)
    }

    fn resolve(flags: &Flags, environment: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let raw = read_file(flags, environment)?;
        Resolver { file: raw.0, raw: raw.1, environment, flags }.config()
    }
}

fn read_file(flags: &Flags, environment: &HashMap<String, String>) -> Result<(String, Raw), ConfigError> {
    let named = flags.config.clone().or_else(|| environment.get("MADOGUCHI_CONFIG").map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        None if Path::new("madoguchi.toml").is_file() => PathBuf::from("madoguchi.toml"),
        None => return Ok(("madoguchi.toml".to_owned(), Raw::default())),
    };
    let place = path.display().to_string();
    let fail =
        |why: String, remedy: &str| ConfigError { place: place.clone(), why, remedy: remedy.to_owned() };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        fail(error.to_string(), "name a readable UTF-8 file with --config, or leave it out")
    })?;
    let raw = toml::from_str(&text)
        .map_err(|error| fail(error.to_string().trim_end().to_owned(), "correct this line of the file"))?;
    Ok((place, raw))
}

struct Resolver<'a> {
    file: String,
    raw: Raw,
    environment: &'a HashMap<String, String>,
    flags: &'a Flags,
}

/// A whole number with its allowed range.
struct Number {
    key: &'static str,
    from_file: Option<u64>,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
}

impl Resolver<'_> {
    fn config(self) -> Result<Config, ConfigError> {
        let (place, listen) =
            self.text("--listen", &self.flags.listen, "listen", &self.raw.listen, "127.0.0.1:8080");
        let listen = listen.parse().map_err(|_| ConfigError {
            place,
            why: format!("{listen:?} is not an address with a port"),
            remedy: "write for example 127.0.0.1:8080".to_owned(),
        })?;
        let config = Config {
            listen,
            data_dir: self.folder(&self.flags.data_dir, "data_dir", &self.raw.data_dir, "data"),
            kb_dir: self.folder(&self.flags.kb_dir, "kb_dir", &self.raw.kb_dir, "kb"),
            models_dir: self.folder(&self.flags.models_dir, "models_dir", &self.raw.models_dir, "models"),
            trusted_origins: self.origins()?,
            secure_cookies: self.switch("secure_cookies", self.raw.secure_cookies)?,
            limits: self.limits()?,
            http: self.http()?,
            tier: self.tier()?,
            log_json: self.switch("log_json", self.raw.log_json)?,
            log: self.text("", &None, "log", &self.raw.log, "info").1,
        };
        let kb = self.place("--kb", self.flags.kb_dir.is_some(), "kb_dir");
        if !config.kb_dir.is_dir() {
            return Err(ConfigError {
                place: kb,
                why: format!("{} is not a folder", config.kb_dir.display()),
                remedy: "name the folder with desk.toml and entries/ by --kb (the sample desk is kb/)"
                    .to_owned(),
            });
        }
        Ok(config)
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        const MINUTE: i64 = 60_000;
        let raw = &self.raw.limits;
        let number = |key, from_file, default, range| self.number(Number { key, from_file, default, range });
        let signed = |value: u64| i64::try_from(value).expect("ranges end far below i64::MAX");
        Ok(Limits {
            message_chars: number("limits.message_chars", raw.message_chars, 2_000, 1..=20_000)? as usize,
            query_chars: number("limits.query_chars", raw.query_chars, 200, 1..=2_000)? as usize,
            session_ms: signed(number("limits.session_minutes", raw.session_minutes, 720, 1..=43_200)?)
                * MINUTE,
            sign_in_ms: signed(number("limits.sign_in_minutes", raw.sign_in_minutes, 1_440, 1..=10_080)?)
                * MINUTE,
            trace_retention_ms: signed(number("limits.trace_days", raw.trace_days, 30, 1..=3_650)?)
                * 1_440
                * MINUTE,
            serving_wait_ms: number("limits.serving_wait_ms", raw.serving_wait_ms, 5_000, 0..=600_000)?,
        })
    }

    fn http(&self) -> Result<HttpLimits, ConfigError> {
        let raw = &self.raw.http;
        let number = |key, from_file, default, range| self.number(Number { key, from_file, default, range });
        let per_minute = number("http.messages_per_minute", raw.messages_per_minute, 0, 0..=1_000_000)?;
        Ok(HttpLimits {
            body_bytes: number("http.body_bytes", raw.body_bytes, 65_536, 1_024..=67_108_864)? as usize,
            header_timeout_ms: number(
                "http.header_timeout_ms",
                raw.header_timeout_ms,
                10_000,
                100..=600_000,
            )?,
            request_timeout_ms: number(
                "http.request_timeout_ms",
                raw.request_timeout_ms,
                15_000,
                100..=600_000,
            )?,
            shutdown_ms: number("http.shutdown_ms", raw.shutdown_ms, 5_000, 0..=600_000)?,
            messages_per_minute: u32::try_from(per_minute).expect("the range ends below u32::MAX"),
        })
    }

    fn variable(key: &str) -> String {
        format!("MADOGUCHI_{}", key.replace('.', "_").to_uppercase())
    }

    fn in_environment(&self, key: &str) -> Option<&String> {
        self.environment.get(&Self::variable(key)).filter(|value| !value.is_empty())
    }

    /// Where the value of `key` comes from.
    fn place(&self, flag: &str, flagged: bool, key: &str) -> String {
        if flagged {
            flag.to_owned()
        } else if self.in_environment(key).is_some() {
            Self::variable(key)
        } else {
            format!("{}: {key}", self.file)
        }
    }

    fn text(
        &self,
        flag: &str,
        flagged: &Option<String>,
        key: &str,
        from_file: &Option<String>,
        default: &str,
    ) -> (String, String) {
        let value = flagged.as_ref().or_else(|| self.in_environment(key)).or(from_file.as_ref());
        (self.place(flag, flagged.is_some(), key), value.map_or(default, String::as_str).to_owned())
    }

    fn folder(
        &self,
        flagged: &Option<PathBuf>,
        key: &str,
        from_file: &Option<PathBuf>,
        default: &str,
    ) -> PathBuf {
        flagged
            .clone()
            .or_else(|| self.in_environment(key).map(PathBuf::from))
            .or_else(|| from_file.clone())
            .unwrap_or_else(|| PathBuf::from(default))
    }

    fn switch(&self, key: &str, from_file: Option<bool>) -> Result<bool, ConfigError> {
        match self.in_environment(key).map(String::as_str) {
            None => Ok(from_file.unwrap_or(false)),
            Some("1" | "true" | "yes" | "on") => Ok(true),
            Some("0" | "false" | "no" | "off") => Ok(false),
            Some(other) => Err(ConfigError {
                place: Self::variable(key),
                why: format!("{other:?} is neither true nor false"),
                remedy: "write true or false".to_owned(),
            }),
        }
    }

    fn number(&self, number: Number) -> Result<u64, ConfigError> {
        let Number { key, from_file, default, range } = number;
        let fail = |why: String| ConfigError {
            place: self.place("", false, key),
            why,
            remedy: format!("write a whole number from {} to {}", range.start(), range.end()),
        };
        let value = match self.in_environment(key) {
            Some(text) => text.parse().map_err(|_| fail(format!("{text:?} is not a whole number")))?,
            None => from_file.unwrap_or(default),
        };
        if range.contains(&value) { Ok(value) } else { Err(fail(format!("{value} is out of range"))) }
    }

    fn origins(&self) -> Result<Vec<String>, ConfigError> {
        let listed =
            self.in_environment("trusted_origins").map(|text| text.split(',').map(str::to_owned).collect());
        let origins: Vec<String> = listed.or_else(|| self.raw.trusted_origins.clone()).unwrap_or_default();
        origins.iter().map(|origin| origin.trim()).filter(|origin| !origin.is_empty()).map(|origin| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or("");
            let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
            if host.is_empty() || !host.chars().all(is_host) {
                return Err(ConfigError {
                    place: self.place("", false, "trusted_origins"),
                    why: format!("{origin:?} is not an origin"),
                    remedy: "write scheme and host only, for example https://shop.example, without a path or *".to_owned(),
                });
            }
            Ok(origin.to_ascii_lowercase())
        }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("desk.toml");
        std::fs::write(&path, file).expect("written");
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let kb_dir = flags.kb_dir.clone().or_else(|| Some(folder.path().to_owned()));
        Config::resolve(&Flags { config: Some(path), kb_dir, ..flags }, &environment)
    }

    #[test]
    fn the_command_line_beats_the_environment_beats_the_file() {
        let file =
            "listen = '127.0.0.1:1'\ndata_dir = 'file'\nmodels_dir = 'file'\n[limits]\nmessage_chars = 5";
        let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
        let environment = [("MADOGUCHI_LISTEN", "127.0.0.1:2"), ("MADOGUCHI_DATA_DIR", "environment")];
        let config = resolve(file, &environment, flags).expect("valid");
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.data_dir, Path::new("environment"));
        assert_eq!(config.models_dir, Path::new("file"));
        assert_eq!((config.limits.message_chars, config.limits.query_chars), (5, 200));
    }

    #[test]
    fn defaults_match_the_limits_of_the_use_cases() {
        assert_eq!(resolve("", &[], Flags::default()).expect("valid").limits, Limits::default());
    }

    #[test]
    fn a_mistake_names_its_place_and_the_remedy() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
        let cases: [Case<'_>; 10] = [
            ("listen = '8080'", &[], "desk.toml: listen", "127.0.0.1:8080"),
            ("lisen = '127.0.0.1:1'", &[], "desk.toml", "lisen"),
            ("", &[("MADOGUCHI_LISTEN", "x")], "MADOGUCHI_LISTEN", "address"),
            ("[http]\nbody_bytes = 1", &[], "http.body_bytes", "from 1024"),
            ("", &[("MADOGUCHI_LIMITS_TRACE_DAYS", "many")], "MADOGUCHI_LIMITS_TRACE_DAYS", "whole number"),
            ("trusted_origins = ['https://a.example/path']", &[], "trusted_origins", "without a path"),
            ("[encoder]\nshare = 1.5", &[], "encoder.share", "at most 1"),
            ("", &[("MADOGUCHI_ENCODER_THREADS", "0")], "MADOGUCHI_ENCODER_THREADS", "from 1"),
            ("[reranker]\nmodels = 'x'", &[], "desk.toml", "models"),
            ("", &[("MADOGUCHI_SECURE_COOKIES", "perhaps")], "MADOGUCHI_SECURE_COOKIES", "true or false"),
        ];
        for (file, environment, place, hint) in cases {
            let error = resolve(file, environment, Flags::default()).expect_err(file).to_string();
            assert!(error.contains(place) && error.contains(hint), "{error}");
        }
    }

    #[test]
    fn transformers_are_named_in_file_or_environment_and_off_by_default() {
        assert_eq!(resolve("", &[], Flags::default()).expect("valid").tier, TierOptions::default());
        let file = "[encoder]\nmodel = 'e5'\nshare = 0.7\nwait_ms = 80\n[reranker]\nmodel = 'cross'";
        let environment = [("MADOGUCHI_ENCODER_MODEL", "minilm"), ("MADOGUCHI_RERANKER_WEIGHT", "0.5")];
        let tier = resolve(file, &environment, Flags::default()).expect("valid").tier;
        assert_eq!((tier.encoder.as_deref(), tier.share), (Some("minilm"), 0.7));
        assert_eq!((tier.reranker.as_deref(), tier.weight), (Some("cross"), 0.5));
        assert_eq!(tier.resources.wait.as_millis(), 80);
    }

    #[test]
    fn a_missing_desk_folder_is_named() {
        let flags = Flags { kb_dir: Some("nowhere".into()), ..Flags::default() };
        let error = resolve("", &[], flags).expect_err("no folder").to_string();
        assert!(error.contains("--kb") && error.contains("nowhere"), "{error}");
    }

    #[test]
    fn origins_are_read_from_the_environment_too() {
        let environment = [("MADOGUCHI_TRUSTED_ORIGINS", "https://A.example, http://localhost:3000")];
        let config = resolve("", &environment, Flags::default()).expect("valid");
        assert_eq!(config.trusted_origins, ["https://a.example", "http://localhost:3000"]);
    }
}
