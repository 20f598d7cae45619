//! `rookery-bench`: what one node's media costs, beside what it could cost at the least on the same machine.
//!
//! Starts the node that it measures (`--rookery`), is every client of it, and prints each turn, then one
//! `figure NAME VALUE UNIT` a line. Whether a promise is held is judged by who reads the figures.
//!
//! **Invariant:** what could not be measured is printed as `void NAME WHY`, never as a figure.

#![allow(clippy::print_stdout, reason = "figures go to stdout; this is a command line")]

mod chat;
mod cpu;
mod figures;
mod forward;
mod node;
mod people;
mod rest;
mod room;
mod rooms;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures what one node costs.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The cost of a forwarded packet, beside sealing and sending alone.
    Forward(Node),
    /// The cost of rooms that are silent, and of small ones.
    Rooms(Node),
    /// The memory of a person, the time and cost of a join, the latency added.
    People(Node),
    /// Chat at 1,000 messages a second into one room.
    Chat(Node),
    /// The REST interface at 200 requests a second.
    Rest(Node),
    /// Seals and sends to the addresses on standard input; `forward` starts it.
    #[command(hide = true)]
    Floor(forward::floor::Send),
}

/// The node to be measured.
#[derive(Debug, clap::Args)]
struct Node {
    /// Its binary, an optimised build.
    #[arg(long, env = "ROOKERY_BIN", default_value = "target/release/rookery")]
    rookery: PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Forward(node) => run(forward::measure(&node.rookery)),
        What::Rooms(node) => run(rooms::measure(&node.rookery)),
        What::People(node) => run(people::measure(&node.rookery)),
        What::Chat(node) => run(chat::measure(&node.rookery)),
        What::Rest(node) => run(rest::measure(&node.rookery)),
        What::Floor(send) => forward::floor::send(&send),
    }
}

fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
