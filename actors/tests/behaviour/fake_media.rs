//! A media plane and transports that do what they are told, and tell what a test tells them to.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_actors::seams::{MediaError, MediaPlane};
use rookery_actors::transport::{
    Answered, Offered, OpenTransport, PeerTransport, TransportError, TransportEvent, TransportEvents, Transports,
};
use rookery_media::{
    Command, ConnectionId, ControlLink, Event, EventSink, ExtensionIds, Local, ReceiveLine, SendSlot, SlotKey, Wire,
    WorkerIndex,
};
use rookery_schemas::ids::{RoomId, SlotIndex, TrackId};
use rookery_schemas::signal::{Connection, MediaKind, SlotPair};

/// What a worker would hold.
#[derive(Default)]
pub(crate) struct Plane {
    pub(crate) rooms: HashMap<RoomId, Arc<dyn EventSink>>,
    pub(crate) connections: HashMap<ConnectionId, (RoomId, Arc<ControlLink>)>,
    pub(crate) tracks: HashMap<TrackId, (ConnectionId, bool)>,
    pub(crate) binds: HashMap<(ConnectionId, SlotKey), TrackId>,
    /// Commands that named something unknown, but for closing it.
    pub(crate) refused: Vec<String>,
    /// Commands are not taken while set.
    pub(crate) full: bool,
    pub(crate) commands: usize,
}

#[derive(Default)]
pub(crate) struct FakeMedia(pub(crate) Mutex<Plane>);

struct NoWire;

impl Wire for NoWire {
    fn local_addrs(&self) -> &[SocketAddr] {
        &[]
    }
    fn send(&self, _local: Local, _datagram: &[u8], _to: SocketAddr) -> bool {
        false
    }
    fn notify(&self) {}
    fn take_notified(&self) -> bool {
        false
    }
}

impl MediaPlane for FakeMedia {
    fn workers(&self) -> u16 {
        1
    }

    fn addrs(&self, worker: WorkerIndex) -> Vec<SocketAddr> {
        (worker == WorkerIndex(0)).then(|| SocketAddr::from(([127, 0, 0, 1], 9))).into_iter().collect()
    }

    fn send(&self, worker: WorkerIndex, command: Command) -> Result<(), MediaError> {
        if worker != WorkerIndex(0) {
            return Err(MediaError::Stopped);
        }
        let mut plane = self.0.lock();
        if plane.full {
            return Err(MediaError::Overloaded(worker));
        }
        plane.apply(command);
        Ok(())
    }

    fn link(&self, _worker: WorkerIndex) -> Arc<ControlLink> {
        ControlLink::new(Arc::new(NoWire))
    }
}

impl Plane {
    fn apply(&mut self, command: Command) {
        self.commands += 1;
        match command {
            Command::OpenRoom { room, sink } => {
                if self.rooms.insert(room, sink).is_some() {
                    self.refused.push(format!("{room} opened twice"));
                }
            }
            Command::CloseRoom { room } => {
                self.rooms.remove(&room);
                let gone: Vec<_> =
                    self.connections.iter().filter(|(_, (of, _))| *of == room).map(|(c, _)| *c).collect();
                gone.into_iter().for_each(|connection| self.close(connection));
            }
            Command::OpenConnection { room, connection, link } => {
                if !self.rooms.contains_key(&room) {
                    self.refused.push(format!("{connection:?} in no room"));
                } else if let Entry::Vacant(free) = self.connections.entry(connection) {
                    free.insert((room, link));
                } else {
                    self.refused.push(format!("{connection:?} opened twice"));
                }
            }
            Command::CloseConnection { connection } => self.close(connection),
            Command::Publish { connection, track, muted, .. } => {
                if !self.connections.contains_key(&connection) {
                    self.refused.push(format!("{track} on no connection"));
                } else {
                    self.tracks.entry(track).or_insert((connection, muted));
                }
            }
            Command::Unpublish { track } => {
                self.tracks.remove(&track);
                self.binds.retain(|_, bound| *bound != track);
            }
            Command::Mute { track, muted } => {
                if let Some(known) = self.tracks.get_mut(&track) {
                    known.1 = muted;
                }
            }
            Command::Bind { connection, slot, track, .. } => match track {
                Some(track) => {
                    self.binds.insert((connection, slot), track);
                }
                None => {
                    self.binds.remove(&(connection, slot));
                }
            },
            Command::Credentials { .. } | Command::Receive { .. } | Command::Send { .. } => {}
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.tracks.retain(|_, (of, _)| *of != connection);
        let tracks: HashSet<TrackId> = self.tracks.keys().copied().collect();
        self.binds.retain(|(of, _), track| *of != connection && tracks.contains(track));
    }
}

impl FakeMedia {
    pub(crate) fn emit(&self, room: RoomId, event: Event) {
        let sink = self.0.lock().rooms.get(&room).cloned();
        sink.expect("the media room is open").event(event);
    }
}

/// The plane that the tests here stand on keeps the promises of the real one.
mod conformance {
    use rookery_actors::conformance::Opened;

    use super::*;

    async fn open() -> Opened<dyn MediaPlane, ()> {
        Ok((Arc::new(FakeMedia::default()), ()))
    }

    rookery_actors::media_conformance!(tokio::test(flavor = "multi_thread"), open());
}

/// How transports behave.
#[derive(Default)]
pub(crate) struct Script {
    /// Each offer and answer takes this long.
    pub(crate) takes: Duration,
    /// The next operations panic.
    pub(crate) panics: u32,
}

pub(crate) struct FakeTransports {
    media: Arc<FakeMedia>,
    pub(crate) script: Mutex<Script>,
    pub(crate) events: Mutex<BTreeMap<ConnectionId, Arc<dyn TransportEvents>>>,
}

impl FakeTransports {
    pub(crate) fn new(media: Arc<FakeMedia>) -> Arc<Self> {
        Arc::new(Self { media, script: Mutex::default(), events: Mutex::default() })
    }

    pub(crate) fn tell(&self, connection: ConnectionId, event: TransportEvent) {
        let events = self.events.lock()[&connection].clone();
        events.event(connection, event);
    }
}

#[async_trait]
impl Transports for FakeTransports {
    async fn open(&self, how: OpenTransport) -> Result<Arc<dyn PeerTransport>, TransportError> {
        let OpenTransport { room, worker, connection, kind, events, .. } = how;
        let link = self.media.link(worker);
        let opened = self.media.send(worker, Command::OpenConnection { room, connection, link });
        opened.map_err(|error| TransportError::Failed(error.to_string()))?;
        self.events.lock().insert(connection, events);
        let (takes, panics) = {
            let mut script = self.script.lock();
            let panics = script.panics > 0;
            script.panics = script.panics.saturating_sub(1);
            (script.takes, panics)
        };
        Ok(Arc::new(FakeTransport { media: Arc::clone(&self.media), worker, connection, kind, takes, panics }))
    }
}

struct FakeTransport {
    media: Arc<FakeMedia>,
    worker: WorkerIndex,
    connection: ConnectionId,
    kind: Connection,
    takes: Duration,
    panics: bool,
}

impl FakeTransport {
    async fn work(&self, kind: Connection) -> Result<(), TransportError> {
        tokio::time::sleep(self.takes).await;
        assert!(!self.panics, "a library panics");
        if self.kind == kind { Ok(()) } else { Err(TransportError::Failed("the other way".into())) }
    }
}

/// Descriptions of these tests are lists of m-lines: `0:video 1:audio`.
fn lines(sdp: &str) -> Result<Vec<ReceiveLine>, TransportError> {
    let line = |part: &str| {
        let (mid, kind) = part.split_once(':').ok_or_else(|| TransportError::Sdp(part.to_owned()))?;
        let kind = if kind == "audio" { MediaKind::Audio } else { MediaKind::Video };
        let extensions = ExtensionIds::default();
        let (codecs, ssrcs, fid, rids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(ReceiveLine { mid: mid.to_owned(), kind, codecs, extensions, ssrcs, fid, rids })
    };
    sdp.split_whitespace().map(line).collect()
}

#[async_trait]
impl PeerTransport for FakeTransport {
    async fn answer(&self, offer: &str) -> Result<Answered, TransportError> {
        self.work(Connection::Publish).await?;
        Ok(Answered { sdp: format!("answer to {offer}"), lines: lines(offer)? })
    }

    async fn offer(&self, pairs: u16, restart_ice: bool) -> Result<Offered, TransportError> {
        self.work(Connection::Subscribe).await?;
        let pair = |i| SlotPair { slot: SlotIndex(i), video_mid: format!("v{i}"), audio_mid: format!("a{i}") };
        let restart = if restart_ice { " restart" } else { "" };
        Ok(Offered { sdp: format!("{pairs}{restart}"), slots: (0..pairs).map(pair).collect() })
    }

    async fn accept(&self, answer: &str) -> Result<Vec<SendSlot>, TransportError> {
        self.work(Connection::Subscribe).await?;
        let pairs: u16 = answer.parse().map_err(|_| TransportError::Sdp(answer.to_owned()))?;
        let key = |i| [MediaKind::Video, MediaKind::Audio].map(|kind| SlotKey { index: SlotIndex(i), kind });
        let slot = |key: SlotKey| SendSlot {
            key,
            mid: String::new(),
            ssrc: u32::from(key.index.0),
            rtx_ssrc: None,
            codecs: Vec::new(),
            extensions: ExtensionIds::default(),
        };
        Ok((0..pairs).flat_map(key).map(slot).collect())
    }

    async fn candidate(&self, _candidate: &str) -> Result<(), TransportError> {
        Ok(())
    }

    async fn close(&self) {
        let _ = self.media.send(self.worker, Command::CloseConnection { connection: self.connection });
    }
}
