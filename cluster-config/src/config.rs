//! What a node is told: defaults < file < environment < flags.
//!
//! Every setting is one line of [`settings`]: its section and name, type, default and meaning. A file writes it as TOML
//! (`[http]` / `port = 8080`), the environment as `ROOKERY_HTTP_PORT`, a flag as `--http.port 8080`.
//!
//! **Invariant:** a name that is not in the table is refused with the nearest one that is, never ignored.

mod settings;
mod value;

use std::path::PathBuf;

pub use settings::{Admin, Auth, Config, Http, KEYS, Limits, Log, LogFormat, Media, Node, Room, Tls, WebSocket};
pub use value::{Duration, IceServerUrl, Secret, Value};

/// A setting's name, default and meaning, for help and documentation.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.name`.
    pub path: &'static str,
    /// As it would be written on the command line; empty where there is none.
    pub default: &'static str,
    /// What it does, with its unit.
    pub meaning: &'static str,
}

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file.
    File(PathBuf),
    /// In the environment, under this name.
    Environment(String),
    /// On the command line.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Why a configuration was refused. Each prints as one line.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The file is not TOML, or not of sections with settings.
    #[error("{path}: {problem}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting '{path}'{}", nearest.map(|key| format!("; did you mean '{key}'?")).unwrap_or_default())]
    Unknown {
        /// Where it was written.
        origin: Origin,
        /// As it was written.
        path: String,
        /// The nearest setting that exists.
        nearest: Option<&'static str>,
    },
    /// The value is not of the setting's type or range.
    #[error("{origin}: {path}: {problem}")]
    Value {
        /// Where it was written.
        origin: Origin,
        /// Which setting.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// Settings that do not fit together.
    #[error("{0}")]
    Together(String),
}

/// Everything outside that settings come from, already read.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file's path and text, if there is one.
    pub file: Option<(PathBuf, String)>,
    /// The environment; only names that begin with `ROOKERY_` matter.
    pub environment: Vec<(String, String)>,
    /// `(section.name, value)` from the command line, in order; the last wins.
    pub flags: Vec<(String, String)>,
}

/// Names of the environment that are not settings.
const RESERVED: [&str; 1] = ["ROOKERY_CONFIG"];

/// Merges the sources.
///
/// # Errors
/// All that is wrong, not just the first, in the order of the sources.
pub fn load(sources: &Sources) -> Result<Config, Vec<Error>> {
    let mut config = Config::default();
    let mut errors = Vec::new();
    if let Some((path, text)) = &sources.file {
        from_file(&mut config, path, text, &mut errors);
    }
    for (name, text) in &sources.environment {
        let Some(rest) = name.strip_prefix("ROOKERY_").filter(|_| !RESERVED.contains(&name.as_str())) else { continue };
        let origin = Origin::Environment(name.clone());
        let written = rest.to_ascii_lowercase();
        let key = KEYS.iter().find(|key| key.path.replace('.', "_") == written);
        match key {
            Some(key) => apply(&mut config, key.path, &toml::Value::String(text.clone()), origin, &mut errors),
            None => errors.push(unknown(origin, &written.replacen('_', ".", 1))),
        }
    }
    for (path, text) in &sources.flags {
        apply(&mut config, path, &toml::Value::String(text.clone()), Origin::Flag(format!("--{path}")), &mut errors);
    }
    if errors.is_empty() {
        errors.extend(config.problems().into_iter().map(Error::Together));
    }
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}

fn from_file(config: &mut Config, path: &std::path::Path, text: &str, errors: &mut Vec<Error>) {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(problem) => {
            let line = problem.span().map_or(1, |span| text.get(..span.start).map_or(1, |t| t.lines().count().max(1)));
            let problem = format!("line {line}: {}", problem.message().replace('\n', " "));
            errors.push(Error::File { path: path.display().to_string(), problem });
            return;
        }
    };
    for (section, settings) in &table {
        let Some(settings) = settings.as_table() else {
            errors.push(unknown(Origin::File(path.into()), section));
            continue;
        };
        for (name, value) in settings {
            apply(config, &format!("{section}.{name}"), value, Origin::File(path.into()), errors);
        }
    }
}

fn apply(config: &mut Config, path: &str, value: &toml::Value, origin: Origin, errors: &mut Vec<Error>) {
    match config.set(path, value) {
        None => errors.push(unknown(origin, path)),
        Some(Err(problem)) => errors.push(Error::Value { origin, path: path.to_owned(), problem }),
        Some(Ok(())) => {}
    }
}

/// Names further off than this are no help.
const NEAREST_SIMILARITY: f64 = 0.6;

fn unknown(origin: Origin, path: &str) -> Error {
    let near = |key: &&Key| strsim::jaro_winkler(path, key.path);
    let nearest = KEYS
        .iter()
        .max_by(|a, b| near(a).total_cmp(&near(b)))
        .filter(|key| near(key) >= NEAREST_SIMILARITY)
        .map(|key| key.path);
    Error::Unknown { origin, path: path.to_owned(), nearest }
}
