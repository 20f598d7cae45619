//! What the library says by itself, turned into [`TransportEvent`]s.
//!
//! **Invariant:** at most one `Connected`, then at most one event that ends the connection, and nothing after it or after
//! `close`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ::webrtc::data_channel::{DataChannel, DataChannelEvent};
use ::webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_media::ConnectionId;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::early::{Early, Ready};
use crate::transport::{TransportEvent, TransportEvents};

/// Data channels that a client may open. Nothing is said on them; a page's own is answered so that it opens.
const DATA_CHANNELS_MAX: usize = 4;

/// RFC 6347 4.1: type, version, epoch, sequence number, length.
const DTLS_RECORD_HEADER: usize = 13;
const DTLS_ALERT: u8 = 21;
const ALERT_FATAL: u8 = 2;
/// RFC 5246 7.2.2: what the library answers when no profile (or cipher suite) is common.
const ALERT_INSUFFICIENT_SECURITY: u8 = 71;

/// What is known of one connection, and who is told.
pub(super) struct Notices {
    connection: ConnectionId,
    events: Arc<dyn TransportEvents>,
    told: Mutex<Told>,
    /// Set before the library is closed by us: what follows is no news.
    pub(super) closing: AtomicBool,
    /// Set when ICE starts anew: the client's old addresses no longer count.
    pub(super) restarted: AtomicBool,
    /// The library's own candidates are there: from now on it takes checks.
    pub(super) gathered: Notify,
    /// What it cannot take yet.
    pub(super) early: Early,
}

#[derive(Clone, Copy, Default)]
struct Told {
    connected: bool,
    ended: bool,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notices").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Notices {
    pub(super) fn new(connection: ConnectionId, events: Arc<dyn TransportEvents>) -> Self {
        let (closing, restarted) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            connection,
            events,
            told: Mutex::default(),
            closing,
            restarted,
            gathered: Notify::new(),
            early: Early::default(),
        }
    }

    /// Tells the owner, unless it knows or has closed the connection.
    pub(super) fn tell(&self, event: TransportEvent) {
        let mut told = self.told.lock();
        let known = told.ended || (event == TransportEvent::Connected && told.connected);
        if known || self.closing.load(Ordering::Acquire) {
            return;
        }
        match event {
            TransportEvent::Connected => told.connected = true,
            _ => told.ended = true,
        }
        drop(told);
        tracing::debug!(connection = self.connection.0, ?event, "transport event");
        self.events.event(self.connection, event);
    }

    /// Whether the connection has ended by itself.
    pub(super) fn ended(&self) -> bool {
        self.told.lock().ended
    }

    /// Reads alerts out of what DTLS sends: the library reports neither a refused handshake nor a client's `close_notify`,
    /// but it answers both with an alert.
    pub(super) fn dtls_leaves(&self, datagram: &[u8]) {
        let mut rest = datagram;
        while let Some((header, after)) = rest.split_first_chunk::<DTLS_RECORD_HEADER>() {
            let (kind, epoch) = (header[0], u16::from_be_bytes([header[3], header[4]]));
            let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let Some((body, next)) = after.split_at_checked(length) else { return };
            rest = next;
            match (kind, epoch, body) {
                (DTLS_ALERT, 0, [ALERT_FATAL, ALERT_INSUFFICIENT_SECURITY]) => {
                    self.tell(TransportEvent::SrtpProfileRefused);
                }
                (DTLS_ALERT, 0, [ALERT_FATAL, _]) => {
                    self.tell(TransportEvent::Failed("the DTLS handshake was refused"));
                }
                // sealed, and we do not close: the reply to the client's alert
                (DTLS_ALERT, 1.., _) => self.tell(TransportEvent::ClosedByClient),
                _ => {}
            }
        }
    }
}

/// The library's callbacks; each runs on the connection's own task.
pub(super) struct Handler {
    notices: Arc<Notices>,
    tasks: TaskTracker,
    channels: Arc<AtomicUsize>,
}

impl Handler {
    pub(super) fn new(notices: Arc<Notices>, tasks: TaskTracker) -> Self {
        Self { notices, tasks, channels: Arc::default() }
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.notices.gathered.notify_one();
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed) {
            self.notices.early.reached(Ready::Everything);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.notices.tell(TransportEvent::Connected),
            RTCPeerConnectionState::Failed => self.notices.tell(TransportEvent::Failed("ICE or DTLS failed")),
            _ => {}
        }
    }

    /// Reads and drops what comes: unread messages would be kept by the library.
    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let channels = self.channels.clone();
        let admitted = channels.fetch_add(1, Ordering::AcqRel) < DATA_CHANNELS_MAX;
        self.tasks.spawn(async move {
            if admitted {
                while let Some(event) = channel.poll().await {
                    if matches!(event, DataChannelEvent::OnClose) {
                        break;
                    }
                }
            } else if let Err(error) = channel.close().await {
                tracing::debug!(%error, "surplus data channel not closed");
            }
            channels.fetch_sub(1, Ordering::AcqRel);
        });
    }
}
