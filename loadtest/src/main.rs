//! `rookery-loadtest`: drives rooms full of synthetic people against a server and prints what they measured, one
//! `figure NAME VALUE UNIT` a line.
//!
//! **Invariant:** it talks to this machine only, unless `--allow-remote` is given.

#![allow(clippy::print_stdout, reason = "figures go to stdout; this is a command line")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use rookery_loadtest::load::{CLIENTS_MAX, Load};
use rookery_loadtest::{AudioSpec, Clip, Trust, VideoSpec, Weather};
use rookery_schemas::ids::Slug;
use rookery_schemas::signal::{Codec, SourceKind, SrtpProfile};

/// Drives rooms full of synthetic people and prints what they measured.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Where the server is.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A PEM file of certificates to trust on https.
    #[arg(long)]
    root: Option<PathBuf>,
    /// A room to enter as guests, by its slug; may be given several times. Without it, an account makes the rooms.
    #[arg(long = "room")]
    slugs: Vec<Slug>,
    /// Rooms to make.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rooms: u16,
    /// People in each room.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    peers: u16,
    /// How many of them publish; all, if not given.
    #[arg(long)]
    publishers: Option<u16>,
    /// Publishers say nothing.
    #[arg(long)]
    no_audio: bool,
    /// Publishers show nothing.
    #[arg(long)]
    no_video: bool,
    /// How pictures are coded.
    #[arg(long, value_enum, default_value_t = VideoCodec::Vp8)]
    codec: VideoCodec,
    /// Frames a second.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=120))]
    fps: u32,
    /// Packets of each frame.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=128))]
    packets: u16,
    /// Bytes of each packet's payload.
    #[arg(long, default_value_t = 1_050, value_parser = clap::value_parser!(u16).range(80..=1_150))]
    bytes: u16,
    /// An IVF file of VP8 to show instead, at `--fps`: pictures that a browser can decode.
    #[arg(long, conflicts_with_all = ["codec", "packets", "bytes"])]
    clip: Option<PathBuf>,
    /// Receive nothing: the room is to be full for somebody else.
    #[arg(long)]
    send_only: bool,
    /// Seconds from the first join to the end.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Joins a second.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    joins_per_second: u32,
    /// The SRTP profile to offer.
    #[arg(long, value_enum, default_value_t = Profile::Gcm)]
    srtp: Profile,
    /// Share of datagrams lost on the way to the server, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    up_loss: f64,
    /// Share of datagrams lost on the way from the server, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    down_loss: f64,
    /// Delay of each datagram, each way, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u32,
    /// Jitter of each datagram, each way, in milliseconds.
    #[arg(long, default_value_t = 0)]
    jitter_ms: u32,
    /// Bits a second from the server to each client.
    #[arg(long)]
    down_bps: Option<u64>,
    /// The address to send media from.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    local: IpAddr,
    /// Allow a server that is not on this machine. Ask whoever runs it first.
    #[arg(long)]
    allow_remote: bool,
    /// Decides every chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum VideoCodec {
    Vp8,
    H264,
    Vp9,
    Av1,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    Gcm,
    Cm,
}

fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .init();
    let arguments = Arguments::parse();
    let load = arguments.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let report = runtime.block_on(load.run()).context("driving the load")?;
    for figure in report.figures() {
        println!("{figure}");
    }
    Ok(if report.errors().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn load(self) -> anyhow::Result<Load> {
        let trust = match &self.root {
            Some(path) => {
                let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
                Trust::pem(&text)?
            }
            None => Trust::nothing()?,
        };
        let rooms = if self.slugs.is_empty() { usize::from(self.rooms) } else { self.slugs.len() };
        let clients = rooms * usize::from(self.peers);
        anyhow::ensure!(clients <= CLIENTS_MAX, "{clients} clients are more than {CLIENTS_MAX}");
        for share in [self.up_loss, self.down_loss] {
            anyhow::ensure!((0.0..=1.0).contains(&share), "a share is 0 to 1, not {share}");
        }
        let way = Weather {
            delay: Duration::from_millis(self.delay_ms.into()),
            jitter: Duration::from_millis(self.jitter_ms.into()),
            ..Weather::default()
        };
        let clip = match &self.clip {
            Some(path) => {
                let file = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
                Some(Clip::read(&file).with_context(|| format!("reading {}", path.display()))?.keep())
            }
            None => None,
        };
        let video = VideoSpec {
            source: SourceKind::Camera,
            codec: self.codec.into(),
            fps: self.fps,
            packets: self.packets,
            bytes: self.bytes.into(),
            clip,
            ..VideoSpec::default()
        };
        Ok(Load {
            base: self.url,
            trust,
            slugs: self.slugs,
            rooms,
            peers: self.peers.into(),
            publishers: self.publishers.unwrap_or(self.peers).into(),
            audio: (!self.no_audio).then(AudioSpec::default),
            video: (!self.no_video).then_some(video),
            follows: !self.send_only,
            duration: Duration::from_secs(self.seconds.into()),
            joins_per_second: self.joins_per_second,
            srtp: match self.srtp {
                Profile::Gcm => SrtpProfile::Gcm,
                Profile::Cm => SrtpProfile::Cm,
            },
            up: Weather { loss: self.up_loss, ..way },
            down: Weather { loss: self.down_loss, rate_bps: self.down_bps, ..way },
            local: self.local,
            allow_remote: self.allow_remote,
            seed: self.seed,
        })
    }
}

impl From<VideoCodec> for Codec {
    fn from(codec: VideoCodec) -> Self {
        match codec {
            VideoCodec::Vp8 => Self::Vp8,
            VideoCodec::H264 => Self::H264,
            VideoCodec::Vp9 => Self::Vp9,
            VideoCodec::Av1 => Self::Av1,
        }
    }
}
