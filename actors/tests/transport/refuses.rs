//! What is no description, or too much of one, is refused with a sentence and harms nothing; stored and mutated ones never
//! panic, neither here nor in the library.

#[path = "../../fuzz/session_description.rs"]
mod session_description;
use std::time::Duration;

use crate::support::{Client, Seen, Server};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rookery_actors::transport::{TransportError, TransportEvent};
use rookery_schemas::signal::{Connection, SrtpProfile};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::time::Instant;

/// An offer of Chromium: sound, simulcast video, data.
const CHROMIUM: &str = include_str!("../../fuzz/corpus/session_description/chromium_simulcast.sdp");

/// A short run by default; `ROOKERY_FUZZ_SECONDS` asks for a long one.
fn fuzz_seconds() -> u64 {
    std::env::var("ROOKERY_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/session_description");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Lines are the unit that matters here: they are changed as often as bytes are.
fn mutated(corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    const WORDS: [&str; 14] = [
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "m=audio 9",
        "a=mid:",
        "a=rid:q send",
        "a=simulcast:send ;~,;q recv",
        "a=ssrc-group:FID 1",
        "a=extmap:300 x",
        "a=rtpmap:128 VP8/90000",
        "a=bundle-only",
        "a=inactive",
        "a=setup:passive",
        "a=ice-lite",
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ host",
        "a=fmtp:97 apt=999999999999",
    ];
    let pick = |random: &mut StdRng| corpus[random.random_range(0..corpus.len())].clone();
    let mut data = pick(random);
    for _ in 0..random.random_range(1..8) {
        if data.is_empty() {
            break;
        }
        let at = random.random_range(0..data.len());
        let mut lines: Vec<Vec<u8>> = data.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let line = random.random_range(0..lines.len());
        match random.random_range(0..9) {
            0 => data[at] = random.random(),
            1 => data.truncate(at),
            2 => drop(data.drain(at..(at + 10).min(data.len()))),
            3 => data.insert(at, b"\r\n: /=,;-0~"[random.random_range(0..11)]),
            4 => {
                lines.remove(line);
                data = lines.concat();
            }
            5 => {
                let copies = random.random_range(1..200);
                let copy = lines[line].clone();
                lines.splice(line..line, std::iter::repeat_n(copy, copies));
                data = lines.concat();
            }
            6 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                lines.insert(line, format!("{word}\r\n").into_bytes());
                data = lines.concat();
            }
            7 => {
                let other = random.random_range(0..lines.len());
                lines.swap(line, other);
                data = lines.concat();
            }
            _ => {
                let other = pick(random);
                data.truncate(at);
                data.extend_from_slice(&other[at.min(other.len())..]);
            }
        }
    }
    data
}

#[test]
fn stored_and_mutated_descriptions_do_not_panic() {
    let corpus = corpus();
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|data| session_description::run(data));
    let mut random = StdRng::seed_from_u64(0x5db);
    let start = Instant::now();
    let mut runs = 0_u64;
    while start.elapsed() < Duration::from_secs(fuzz_seconds()) {
        for _ in 0..100 {
            session_description::run(&mutated(&corpus, &mut random));
            runs += 1;
        }
    }
    println!("{runs} inputs");
}

#[tokio::test]
async fn mutated_offers_neither_panic_the_library_nor_leave_anything() {
    let server = Server::start();
    let corpus = corpus();
    let mut random = StdRng::seed_from_u64(7);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..200 * fuzz_seconds() {
        let offer = String::from_utf8_lossy(&mutated(&corpus, &mut random)).into_owned();
        let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
        match transport.answer(&offer).await {
            Ok(_) => answered += 1,
            Err(TransportError::Sdp(_)) => refused += 1,
            Err(error) => panic!("the library stumbles over what was let through: {error}: {offer}"),
        }
        transport.close().await;
    }
    println!("{answered} answered, {refused} refused");
    assert!(answered > 40 && refused > 40, "the mutations are of no use: {answered} answered, {refused} refused");
    crate::support::until("all is freed", || {
        server.transports.tasks() == 0 && server.media.plane.stats().connections == 0
    })
    .await;
}

#[tokio::test]
async fn each_bad_offer_is_refused_and_the_connection_goes_on() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let mut client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    client.publish_to(&*transport).await;
    client.connected().await;
    server.told(id, TransportEvent::Connected).await;
    let before = server.seen();

    let good = client.offer().await;
    let long = format!("{good}{}", "a=x\r\n".repeat(10_000 - good.lines().count()));
    assert_eq!(long.lines().count(), 10_000);
    let section = &good[good.find("m=").unwrap()..];
    let many: String = (0..33).map(|mid| section.replace("a=mid:0", &format!("a=mid:{mid}"))).collect();
    let session = &good[..good.find("m=").unwrap()];
    let bundle: String = (0..33).map(|mid| format!(" {mid}")).collect();
    let many = session.replace("BUNDLE 0", &format!("BUNDLE{bundle}")) + &many;
    let bad = [
        ("10,000 lines", long),
        ("33 m-lines", many),
        ("nothing", String::new()),
        ("not SDP", "<html>".repeat(100)),
        ("NUL", good.replace("s=-", "s=\0")),
        ("a long line", good.replace("s=-", &format!("s={}", "x".repeat(3_000)))),
        ("much", format!("{good}{}", "a=y\r\n".repeat(9) + &"i=".repeat(200_000))),
        ("passive", good.replace("a=setup:actpass", "a=setup:passive")),
        ("no bundle", good.replace("a=group:BUNDLE 0\r\n", "")),
        ("no mid", good.replace("a=mid:0\r\n", "")),
        (
            "a mid of 17",
            good.replace("a=mid:0", "a=mid:12345678901234567").replace("BUNDLE 0", "BUNDLE 12345678901234567"),
        ),
        ("no ufrag", good.replace("a=ice-ufrag", "a=ice-nofrag")),
        ("a short pwd", good.replace("a=ice-pwd:", "a=ice-pwd:short\r\na=x:")),
        ("no fingerprint", good.replace("a=fingerprint", "a=footprint")),
        ("no rtcp-mux", good.replace("a=rtcp-mux\r\n", "")),
        ("plain RTP", good.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")),
        ("an image", good.replace("m=video", "m=image")),
        ("a payload type of 200", good.replace("SAVPF 96", "SAVPF 200")),
        ("an SSRC too large", good.replace("a=ssrc:1 ", "a=ssrc:5000000000 ")),
        ("lite", good.replace("s=-", "s=-\r\nt=0 0\r\na=ice-lite")),
    ];
    for (what, offer) in bad {
        assert_ne!(offer, good, "{what} changes nothing");
        let refused = transport.answer(&offer).await;
        assert!(matches!(refused, Err(TransportError::Sdp(_))), "{what}: {refused:?}");
    }
    assert_eq!(server.seen(), before, "the media plane was told of a refused offer");
    assert!(
        matches!(transport.offer(1, false).await, Err(TransportError::Sdp(_))),
        "a publish connection offers nothing"
    );
    let answer = transport.answer(&good).await.unwrap();
    client.take_answer(&answer.sdp).await;
    assert_eq!(server.events_of(id), [TransportEvent::Connected]);
    transport.close().await;
}

#[tokio::test]
async fn chromiums_offer_is_read_as_it_is_meant() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let answer = transport.answer(CHROMIUM).await.unwrap();
    assert_eq!(server.seen().last(), Some(&Seen::Receive(answer.lines.clone())));
    let [audio, video] = answer.lines.as_slice() else { panic!("{:?}", answer.lines) };
    assert_eq!(
        (audio.extensions.audio_level, audio.extensions.mid, audio.extensions.transport_cc),
        (Some(1), Some(4), Some(3))
    );
    assert_eq!((video.extensions.rid, video.extensions.repaired_rid), (Some(10), Some(11)));
    assert_eq!(video.extensions.abs_send_time, Some(2));
    assert_eq!((video.rids.join(","), video.ssrcs.len()), ("q,h,f".to_owned(), 0));
    assert_eq!(audio.ssrcs.len(), 1);
    let vp8 = &video.codecs[0];
    assert_eq!((vp8.number, vp8.rtx), (96, Some(97)), "the offerer's numbers");
    assert!(answer.sdp.contains("a=simulcast:recv q;h;f"), "{}", answer.sdp);
    assert!(answer.sdp.contains("m=application 9") && answer.sdp.contains("a=sctp-port:5000"));
    assert!(!answer.sdp.contains("a=sendonly") && !answer.sdp.contains("a=sendrecv\r\na=ssrc"));
    transport.close().await;
}

#[tokio::test]
async fn late_candidates_are_only_looked_at() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let good = [
        "",
        "candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host",
        "candidate:2 1 UDP 1 0b9c.local 9 typ host generation 0",
    ];
    for candidate in good {
        transport.candidate(candidate).await.unwrap();
    }
    let bad = [
        "x",
        "candidate:",
        "candidate:1 1 udp 1 192.0.2.1 70000 typ host",
        "candidate:1 0 udp 1 a 1 typ host",
        "candidate:1 1 udp 1 a 1 host typ",
    ];
    for candidate in bad {
        let refused = transport.candidate(candidate).await;
        assert!(matches!(refused, Err(TransportError::Sdp(_))), "{candidate}: {refused:?}");
    }
    assert!(transport.candidate(&format!("candidate:{} 1 udp 1 a 1 typ host", "1".repeat(1_000))).await.is_err());
    transport.close().await;
}
