//! `rookery`: one node, from its command line to its end.
//!
//! **Invariant:** what is wrong with the command line or the settings is one line each and exit code 2; what fails later is
//! one line and exit code 1.

use std::io::Write;
use std::process::ExitCode;

use rookery_node::{cli, logging, serve};

fn main() -> ExitCode {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let config = match cli::parse(std::env::args().skip(1), environment, |path| std::fs::read_to_string(path)) {
        Ok(cli::Action::Serve(config)) => config,
        Ok(cli::Action::Print(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(cli::Refused(lines)) => {
            for line in lines {
                eprintln!("rookery: {line}");
            }
            return ExitCode::from(2);
        }
    };
    if let Err(problem) = logging::start(&config.log) {
        eprintln!("rookery: {problem}");
        return ExitCode::from(2);
    }
    if let Err(problem) = serve::check(&config) {
        eprintln!("rookery: {problem:#}");
        return ExitCode::from(2);
    }
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rookery: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &rookery_cluster_config::config::Config) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve::serve(config))
}
