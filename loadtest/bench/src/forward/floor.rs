//! The floor: a process that does nothing but seal each packet once for every receiver, under a key of its own, and send
//! each receiver's packets of one frame as one segmented send. What a forwarder costs above it is what it decides,
//! receives and remembers.
//!
//! **Invariant:** every nonce is used once; the sizes are those of the forwarder's packets.

use std::io::{BufRead, IoSlice};
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg, setsockopt, sockopt};
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};
use tokio::io::AsyncWriteExt;

use crate::cpu;

/// An RTP header with the extensions that a subscriber gets.
const HEADER_BYTES: usize = 20;
const PAYLOAD_BYTES: usize = 1_100;
const TAG_BYTES: usize = 16;
const PACKET_BYTES: usize = HEADER_BYTES + PAYLOAD_BYTES + TAG_BYTES;
/// Messages of one system call.
const MESSAGES_AT_ONCE: usize = 32;
const SOCKET_BUFFER_BYTES: usize = 2 * 1024 * 1024;
/// The first part of a turn is not measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// What to send; the addresses come on standard input, one a line.
#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    /// Packets of one segmented send.
    #[arg(long)]
    run: usize,
    /// Segmented sends a second to each address.
    #[arg(long)]
    rate: f64,
    /// Seconds that are measured.
    #[arg(long)]
    seconds: f64,
}

/// Lets a process of its own send to receivers of this one for a while; processor time per packet, us.
pub(super) async fn turn(receivers: usize, run: usize, rate: f64, time: Duration) -> anyhow::Result<f64> {
    let mut addresses = String::new();
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..receivers {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        addresses += &format!("{}\n", socket.local_addr()?);
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        reading.spawn(async move {
            let mut buffer = vec![0; 2 * PACKET_BYTES];
            while socket.recv(&mut buffer).await.is_ok() {
                while socket.try_recv(&mut buffer).is_ok() {}
            }
        });
    }
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .arg("floor")
        .args([format!("--run={run}"), format!("--rate={rate}"), format!("--seconds={}", time.as_secs_f64())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    child.stdin.take().context("the pipe was asked for")?.write_all(addresses.as_bytes()).await?;
    let told = child.wait_with_output().await?;
    ensure!(told.status.success(), "the floor ended: {}", told.status);
    Ok(std::str::from_utf8(&told.stdout)?.trim().parse()?)
}

/// The process itself: prints what one packet cost, us.
pub(crate) fn send(options: &Send) -> anyhow::Result<()> {
    let to = std::io::stdin().lock().lines().map(|line| address(&line?)).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!to.is_empty() && (1..=32).contains(&options.run), "there must be addresses, and 1 to 32 packets in a run");
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&socket, sockopt::SndBuf, &SOCKET_BUFFER_BYTES)?;
    let mut sealer = Sealer::new(to.len(), options.run)?;
    let mut headers = MultiHeaders::preallocate(MESSAGES_AT_ONCE, Some(nix::cmsg_space!(u16)));
    let every = Duration::from_secs_f64(1.0 / options.rate);
    let began = now()?;
    let (measured_from, end) = (began + WARM_UP, began + WARM_UP + Duration::from_secs_f64(options.seconds));
    let (mut due, mut packets, mut before) = (began, 0_usize, None);
    while due < end {
        wait_until(due)?;
        if before.is_none() && due >= measured_from {
            before = Some((cpu::used_here()?, packets));
        }
        sealer.seal()?;
        for (messages, to) in sealer.messages().chunks(MESSAGES_AT_ONCE).zip(to.chunks(MESSAGES_AT_ONCE)) {
            transmit(&socket, &mut headers, messages, to)?;
        }
        packets += to.len() * options.run;
        due += every;
    }
    let (cpu, counted) = before.context("the turn is longer than its warm-up")?;
    let cost = (cpu::used_here()? - cpu).as_secs_f64() * 1e6;
    #[expect(clippy::cast_precision_loss, reason = "no run comes near 2^53 packets")]
    let each = cost / (packets - counted) as f64;
    println!("{each}");
    Ok(())
}

/// One frame for everyone, each under its own key.
struct Sealer {
    keys: Vec<LessSafeKey>,
    payload: Vec<u8>,
    sealed: Vec<u8>,
    run: usize,
    counter: u64,
}

impl Sealer {
    fn new(receivers: usize, run: usize) -> anyhow::Result<Self> {
        let key = |n: usize| {
            let mut bytes = [0x5a; 16];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            UnboundKey::new(&AES_128_GCM, &bytes).map(LessSafeKey::new)
        };
        let keys = (0..receivers).map(key).collect::<Result<_, _>>()?;
        Ok(Self {
            keys,
            payload: vec![0x42; PAYLOAD_BYTES],
            sealed: vec![0; receivers * run * PACKET_BYTES],
            run,
            counter: 0,
        })
    }

    fn seal(&mut self) -> anyhow::Result<()> {
        for (receiver, key) in self.sealed.chunks_exact_mut(self.run * PACKET_BYTES).zip(&self.keys) {
            for packet in receiver.chunks_exact_mut(PACKET_BYTES) {
                self.counter += 1;
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&self.counter.to_be_bytes());
                let (header, rest) = packet.split_at_mut(HEADER_BYTES);
                let (body, tag) = rest.split_at_mut(PAYLOAD_BYTES);
                body.copy_from_slice(&self.payload);
                let made =
                    key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&*header), body)?;
                tag.copy_from_slice(made.as_ref());
            }
        }
        Ok(())
    }

    /// Each receiver's packets.
    fn messages(&self) -> Vec<[IoSlice<'_>; 1]> {
        self.sealed.chunks_exact(self.run * PACKET_BYTES).map(|bytes| [IoSlice::new(bytes)]).collect()
    }
}

fn transmit(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    messages: &[[IoSlice<'_>; 1]],
    to: &[Option<SockaddrIn>],
) -> anyhow::Result<()> {
    let segment = u16::try_from(PACKET_BYTES)?;
    let control = [ControlMessage::UdpGsoSegments(&segment)];
    match sendmmsg(socket.as_raw_fd(), headers, messages, to, control, MsgFlags::empty()) {
        // as a forwarder does: what the system does not take is lost
        Ok(_) | Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::ENOBUFS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn address(line: &str) -> anyhow::Result<Option<SockaddrIn>> {
    let parsed: SocketAddrV4 = line.parse()?;
    ensure!(SocketAddr::V4(parsed).ip().is_loopback(), "{parsed} is not on this machine");
    Ok(Some(parsed.into()))
}

fn now() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

fn wait_until(at: Duration) -> anyhow::Result<()> {
    if at > now()? {
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &at.into())?;
    }
    Ok(())
}
