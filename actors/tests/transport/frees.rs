//! Closing, dropping and failing to open leave nothing behind: no task, no entry at the media plane. What opening costs is
//! printed.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Client, Seen, Server, until};
use rookery_actors::transport::PeerTransport;
use rookery_schemas::signal::{Connection, SrtpProfile};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::time::Instant;

#[tokio::test]
async fn a_hundred_connections_come_and_go_without_a_trace() {
    let server = Server::start();
    let client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    let offer = client.offer().await;
    for round in 0..100 {
        let (_, publish) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
        let (_, subscribe) = server.open(Connection::Subscribe, SrtpProfile::Cm).await;
        publish.answer(&offer).await.unwrap();
        subscribe.offer(1, false).await.unwrap();
        assert_eq!(server.transports.tasks(), 2, "round {round}");
        publish.close().await;
        // the other is only dropped, as when its owner dies
        drop(subscribe);
        until("tasks end", || server.transports.tasks() == 0).await;
    }
    let seen = server.seen();
    let (mut opened, mut closed): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for seen in seen {
        match seen {
            Seen::Open(id) => opened.push(id),
            Seen::Close(id) => closed.push(id),
            _ => {}
        }
    }
    closed.sort_unstable();
    assert_eq!((opened.len(), opened), (200, closed), "each opened once and closed once");
    until("the plane is empty", || server.media.plane.stats().connections == 0).await;
}

#[tokio::test]
async fn connected_pairs_leave_nothing_either() {
    let server = Server::start();
    for _ in 0..10 {
        let (_, publish) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
        let (_, subscribe) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
        let (mut sender, mut receiver) = (Client::gcm().await, Client::gcm().await);
        sender.add_track("camera", RtpCodecKind::Video, 1).await;
        let channel = sender.pc.create_data_channel("probe", None).await.unwrap();
        sender.publish_to(&*publish).await;
        receiver.subscribe_to(&*subscribe, 2, false).await;
        sender.connected().await;
        receiver.connected().await;
        crate::support::opened(&*channel).await;
        until("the plane has routes", || server.media.plane.stats().routes >= 2).await;
        publish.close().await;
        subscribe.close().await;
        until("tasks end", || server.transports.tasks() == 0).await;
        until("the plane is empty", || {
            let stats = server.media.plane.stats();
            (stats.connections, stats.routes, stats.slots) == (0, 0, 0)
        })
        .await;
        sender.pc.close().await.unwrap();
        receiver.pc.close().await.unwrap();
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Generous bounds: five times what two busy cores need in a debug build.
#[tokio::test]
async fn what_opening_and_pairs_cost() {
    const CONNECTIONS: usize = 40;
    let server = Server::start();
    let client = Client::gcm().await;
    client.add_track("mic", RtpCodecKind::Audio, 1).await;
    client.add_track("camera", RtpCodecKind::Video, 2).await;
    let offer = client.offer().await;
    // the allocator's first pages are not a connection's
    let (_, warm) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    warm.answer(&offer).await.unwrap();

    let (mut kept, mut opens, mut answers): (Vec<Arc<dyn PeerTransport>>, _, _) = (Vec::new(), Vec::new(), Vec::new());
    let before = resident_kib();
    for _ in 0..CONNECTIONS {
        let start = Instant::now();
        let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
        opens.push(start.elapsed());
        transport.answer(&offer).await.unwrap();
        answers.push(start.elapsed());
        kept.push(transport);
    }
    let publish_kib = resident_kib().saturating_sub(before) / CONNECTIONS as u64;
    let (open, answer) = (median(opens), median(answers));

    let mut lines = Vec::new();
    for pairs in [2_u16, 4, 8] {
        let mut times = Vec::new();
        let before = resident_kib();
        for _ in 0..CONNECTIONS / 4 {
            let (_, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
            let start = Instant::now();
            let bytes = transport.offer(pairs, false).await.unwrap().sdp.len();
            times.push((start.elapsed(), bytes));
            kept.push(transport);
        }
        let kib = resident_kib().saturating_sub(before) / (CONNECTIONS as u64 / 4);
        let bytes = times[0].1;
        let time = median(times.into_iter().map(|(time, _)| time).collect());
        lines.push(format!("{pairs} pairs: offer {time:?}, {bytes} bytes of SDP, {kib} KiB"));
        assert!(time < Duration::from_secs(1), "{lines:?}");
    }
    println!("open {open:?}, open and answer {answer:?}, {publish_kib} KiB; {}", lines.join("; "));
    assert!(answer < Duration::from_millis(250), "open and answer took {answer:?}");
    for transport in kept {
        transport.close().await;
    }
}
