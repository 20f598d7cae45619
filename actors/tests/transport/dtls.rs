//! DTLS stays at 1.2, also with a client that offers 1.3: the keys are heard in the PRF of 1.2, and 1.3 has another.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Server};
use rookery_schemas::signal::{Connection, SrtpProfile};
use str0m::change::SdpAnswer;
use str0m::crypto::dtls::DtlsVersion;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// What a `ServerHello` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hello {
    version: u16,
    /// The `supported_versions` extension, by which alone 1.3 is chosen (RFC 8446 4.2.1).
    has_supported_versions: bool,
}

/// Finds a whole ServerHello in a datagram.
fn server_hello(datagram: &[u8]) -> Option<Hello> {
    let word = |data: &[u8], at: usize| Some(u16::from_be_bytes([*data.get(at)?, *data.get(at + 1)?]));
    let mut rest = datagram;
    while rest.len() > 13 {
        let length = usize::from(word(rest, 11)?);
        let (record, next) = rest[13..].split_at_checked(length)?;
        if rest[0] == 22 && record.first() == Some(&2) {
            // 12 bytes of handshake header, version, random, session id, cipher suite, compression, extensions
            let hello = record.get(12..)?;
            let session = usize::from(*hello.get(34)?);
            let mut extensions = hello.get(35 + session + 3 + 2..)?;
            let mut has_supported_versions = false;
            while let (Some(kind), Some(length)) = (word(extensions, 0), word(extensions, 2)) {
                has_supported_versions |= kind == 43;
                extensions = extensions.get(4 + usize::from(length)..)?;
            }
            return Some(Hello { version: word(hello, 0)?, has_supported_versions });
        }
        rest = next;
    }
    None
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether a ClientHello names DTLS 1.3 (0xFEFC) among the versions that it supports.
fn offers_1_3(datagram: &[u8]) -> bool {
    let is_hello = datagram.first() == Some(&22) && datagram.get(13) == Some(&1);
    is_hello && datagram.windows(2).any(|pair| pair == [0xFE, 0xFC])
}

/// Runs a client until it is connected; returns the server's hello, and whether the client offered 1.3.
fn connect(mut rtc: Rtc, socket: &UdpSocket) -> (Option<Hello>, bool) {
    let local = socket.local_addr().unwrap();
    let deadline = now() + DEADLINE;
    let (mut hello, mut offered, mut connected) = (None, false, false);
    let mut buffer = vec![0; 2_000];
    while !connected {
        assert!(now() < deadline, "never connected");
        rtc.handle_input(Input::Timeout(now())).unwrap();
        let due = loop {
            match rtc.poll_output().unwrap() {
                Output::Timeout(due) => break due,
                Output::Transmit(out) => {
                    offered |= offers_1_3(&out.contents);
                    drop(socket.send_to(&out.contents, out.destination));
                }
                Output::Event(event) => connected |= matches!(event, Event::Connected),
            }
        };
        let wait = due.saturating_duration_since(now()).clamp(Duration::from_millis(1), Duration::from_millis(50));
        socket.set_read_timeout(Some(wait)).unwrap();
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            hello = hello.or_else(|| server_hello(&buffer[..length]));
            let receive = Receive::new(Protocol::Udp, from, local, &buffer[..length]).unwrap();
            rtc.handle_input(Input::Receive(now(), receive)).unwrap();
        }
    }
    (hello, offered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_says_1_2_whatever_is_offered() {
    for offered in [DtlsVersion::Dtls12, DtlsVersion::Auto] {
        let server = Server::start();
        let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m::crypto::from_feature_flags()))
            .set_dtls_version(offered)
            .build(now());
        rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), Protocol::Udp).unwrap());
        let mut changes = rtc.sdp_api();
        changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        let (offer, pending) = changes.apply().unwrap();
        let answered = transport.answer(&offer.to_sdp_string()).await.unwrap();
        rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answered.sdp).unwrap()).unwrap();
        let (hello, offered_1_3) = tokio::task::spawn_blocking(move || connect(rtc, &socket)).await.unwrap();
        assert_eq!(offered_1_3, offered == DtlsVersion::Auto, "the client offers something else than is thought");
        let wanted = Hello { version: 0xFEFD, has_supported_versions: false };
        assert_eq!(hello, Some(wanted), "offered {offered:?}");
        transport.close().await;
    }
}
