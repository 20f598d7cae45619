//! The command line: what to do, and the settings given as flags.
//!
//! **Invariant:** whatever is wrong is one line each on standard error and exit code 2, before anything is opened.

use std::fmt::Write;
use std::path::PathBuf;

use rookery_cluster_config::config::{Config, KEYS, Sources, load};

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Run a node.
    Serve(Box<Config>),
    /// Print this text and be done.
    Print(String),
}

/// What is wrong with the command line, the file or the environment, a line each.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub Vec<String>);

const USAGE: &str = "\
rookery: rooms in which people meet, on one machine or on many

Usage: rookery [--config FILE] [--SECTION.NAME VALUE]...
       rookery settings       every setting, its default and meaning
       rookery --version

A setting is read from the file ([section] name = value), then from the
environment (ROOKERY_SECTION_NAME), then from flags; the last wins.
";

/// Reads the command line (without the program's name) and the environment.
///
/// # Errors
/// [`Refused`] with everything that is wrong.
pub fn parse(
    arguments: impl IntoIterator<Item = String>,
    environment: Vec<(String, String)>,
    read: impl Fn(&PathBuf) -> std::io::Result<String>,
) -> Result<Action, Refused> {
    let mut arguments = arguments.into_iter();
    let mut flags = Vec::new();
    let mut file = environment.iter().find(|(name, _)| name == "ROOKERY_CONFIG").map(|(_, path)| PathBuf::from(path));
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "settings" => return Ok(Action::Print(settings())),
            "--help" | "-h" | "help" => return Ok(Action::Print(USAGE.to_owned())),
            "--version" | "-V" => return Ok(Action::Print(format!("rookery {}\n", env!("CARGO_PKG_VERSION")))),
            _ => {}
        }
        let Some(flag) = argument.strip_prefix("--") else {
            return refused(format!("'{argument}' is not a command; see rookery --help"));
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag.to_owned(), arguments.next()),
        };
        let Some(value) = value else { return refused(format!("--{name}: a value is missing")) };
        if name == "config" {
            file = Some(value.into());
        } else {
            flags.push((name, value));
        }
    }
    let file = match file {
        None => None,
        Some(path) => match read(&path) {
            Ok(text) => Some((path, text)),
            Err(problem) => return refused(format!("{}: {problem}", path.display())),
        },
    };
    load(&Sources { file, environment, flags })
        .map(|config| Action::Serve(Box::new(config)))
        .map_err(|errors| Refused(errors.iter().map(ToString::to_string).collect()))
}

fn refused(line: String) -> Result<Action, Refused> {
    Err(Refused(vec![line]))
}

fn settings() -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        let (of, name) = key.path.split_once('.').unwrap_or((key.path, ""));
        if of != section {
            section = of;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = writeln!(text, "{name} = {:?}\n   {}", key.default, key.meaning);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Action, Refused> {
        let read = |path: &PathBuf| match path.to_str() {
            Some("good.toml") => Ok("[http]\nport = 81\n".to_owned()),
            _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        };
        parse(arguments.iter().map(|a| (*a).to_owned()), Vec::new(), read)
    }

    fn port(arguments: &[&str]) -> u16 {
        match run(arguments) {
            Ok(Action::Serve(config)) => config.http.port,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_are_written_both_ways_and_win_over_the_file() {
        assert_eq!(port(&[]), 8080);
        assert_eq!(port(&["--config", "good.toml"]), 81);
        assert_eq!(port(&["--http.port=82", "--config=good.toml"]), 82);
    }

    #[test]
    fn mistakes_are_one_line_each() {
        for (arguments, line) in [
            (vec!["serve-me"], "'serve-me' is not a command; see rookery --help"),
            (vec!["--http.port"], "--http.port: a value is missing"),
            (vec!["--config", "bad.toml"], "bad.toml: entity not found"),
            (vec!["--http.prot", "1"], "--http.prot: there is no setting 'http.prot'; did you mean 'http.port'?"),
        ] {
            assert_eq!(run(&arguments).unwrap_err(), Refused(vec![line.to_owned()]));
        }
    }

    #[test]
    fn every_setting_is_listed() {
        let Ok(Action::Print(text)) = run(&["settings"]) else { panic!("no text") };
        for key in KEYS {
            assert!(text.contains(key.path.split_once('.').unwrap().1), "{}", key.path);
        }
    }
}
