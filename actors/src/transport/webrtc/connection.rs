//! One connection: descriptions in and out, in the order that the media plane needs.
//!
//! **Invariant:** the media plane has a description's ufrag before the description is returned, and the lines or slots of a
//! negotiation before the call that ends it returns.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::webrtc::error::{Error, Result as LibraryResult};
use ::webrtc::peer_connection::{PeerConnection, RTCSessionDescription};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use rookery_media::{Command, SendSlot};
use rookery_schemas::limits::SLOT_PAIRS_MAX;
use rookery_schemas::signal::Connection;
use tokio::sync::Mutex;

use super::early::Ready;
use super::handler::Notices;
use super::slots::Slots;
use super::{close_connection, media_failed};
use crate::seams::MediaPlane;
use crate::transport::sdp::{
    self, Description, check_answer, check_candidate, check_offer, for_library, receive_lines, send_slots,
    with_answered_codecs, with_candidates, with_offered_codecs,
};
use crate::transport::{Answered, Offered, OpenTransport, PeerTransport, TransportError};

/// How long one call into the library may take: it waits for nothing but its own task.
const CALL_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a first description waits for the library's own candidates, before which it takes no checks. They are there
/// at its task's next turn.
const GATHER_TIME_MAX: Duration = Duration::from_millis(500);

/// What a connection is made of.
pub(super) struct Parts {
    pub(super) how: OpenTransport,
    pub(super) media: Arc<dyn MediaPlane>,
    pub(super) pc: Arc<dyn PeerConnection>,
    pub(super) notices: Arc<Notices>,
    pub(super) candidates: Vec<SocketAddr>,
}

/// A [`PeerTransport`] over the `webrtc` crate.
pub(super) struct WebrtcTransport {
    parts: Parts,
    negotiation: Mutex<Negotiation>,
}

#[derive(Default)]
struct Negotiation {
    slots: Slots,
    /// Our last offer, while it waits for its answer.
    offered: Option<String>,
    /// The client's ufrag of its last description.
    remote_ufrag: Option<String>,
    gathered: bool,
}

/// Runs a call into the library: bounded in time, its error or panic turned into ours.
pub(super) async fn guarded<T>(
    what: &'static str,
    call: impl Future<Output = LibraryResult<T>>,
) -> Result<T, TransportError> {
    let failed = |why: &str| TransportError::Failed(format!("{what}: {why}"));
    match tokio::time::timeout(CALL_TIME_MAX, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(Error::ErrConnectionClosed))) => Err(TransportError::Closed),
        Ok(Ok(Err(error))) => Err(failed(&error.to_string())),
        Ok(Err(_panic)) => Err(failed("the library panicked")),
        Err(_elapsed) => Err(failed("the library does not answer")),
    }
}

impl WebrtcTransport {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, negotiation: Mutex::default() }
    }

    fn open_as(&self, kind: Connection) -> Result<(), TransportError> {
        let notices = &self.parts.notices;
        if notices.closing.load(Ordering::Acquire) || notices.ended() {
            return Err(TransportError::Closed);
        }
        if self.parts.how.kind != kind {
            return Err(sdp::refused("it is for the peer's other connection"));
        }
        Ok(())
    }

    fn command(&self, command: Command) -> Result<(), TransportError> {
        self.parts.media.send(self.parts.how.worker, command).map_err(|e| media_failed(&e))
    }

    /// Registers our ufrag, makes the description the library's, and returns it with our codecs and the worker's
    /// candidates.
    async fn set_local(
        &self,
        negotiation: &mut Negotiation,
        description: RTCSessionDescription,
        with_codecs: impl Fn(&str) -> String + Send,
    ) -> Result<String, TransportError> {
        let text = with_candidates(&with_codecs(&description.sdp), &self.parts.candidates);
        // an answer that rejects every m-line has none
        let ufrag = Description::parse(&text).ok().and_then(|ours| ours.ufrag().map(str::to_owned));
        if let Some(ufrag) = ufrag {
            self.command(Command::Credentials { connection: self.parts.how.connection, ufrag })?;
        }
        guarded("set_local_description", self.parts.pc.set_local_description(description)).await?;
        if !negotiation.gathered {
            let gathered = tokio::time::timeout(GATHER_TIME_MAX, self.parts.notices.gathered.notified()).await;
            negotiation.gathered = gathered.is_ok();
        }
        Ok(text)
    }

    /// Other ICE credentials of the client: ICE starts anew.
    fn note_ufrag(&self, negotiation: &mut Negotiation, theirs: &Description<'_>) {
        let ufrag = theirs.ufrag().map(str::to_owned);
        if negotiation.remote_ufrag != ufrag {
            self.parts.notices.restarted.store(true, Ordering::Release);
            negotiation.remote_ufrag = ufrag;
        }
    }

    async fn grow(&self, negotiation: &mut Negotiation, pairs: u16) -> Result<(), TransportError> {
        while negotiation.slots.pairs() < pairs.clamp(1, SLOT_PAIRS_MAX) {
            guarded("add_transceiver", negotiation.slots.add(&*self.parts.pc)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl PeerTransport for WebrtcTransport {
    async fn answer(&self, offer: &str) -> Result<Answered, TransportError> {
        self.open_as(Connection::Publish)?;
        let theirs = Description::parse(offer)?;
        check_offer(&theirs)?;
        let mut negotiation = self.negotiation.lock().await;
        let pc = &self.parts.pc;
        let taken =
            RTCSessionDescription::offer(for_library(offer, &theirs)).map_err(|e| sdp::refused(e.to_string()))?;
        self.note_ufrag(&mut negotiation, &theirs);
        guarded("set_remote_description", pc.set_remote_description(taken)).await?;
        self.parts.notices.early.reached(Ready::Checks);
        let answer = guarded("create_answer", pc.create_answer(None)).await?;
        let sdp = self.set_local(&mut negotiation, answer, |text| with_answered_codecs(text, &theirs)).await?;
        let ours = Description::parse(&sdp)?;
        let lines = receive_lines(&ours, &theirs);
        self.command(Command::Receive { connection: self.parts.how.connection, lines: lines.clone() })?;
        Ok(Answered { sdp, lines })
    }

    async fn offer(&self, pairs: u16, restart_ice: bool) -> Result<Offered, TransportError> {
        self.open_as(Connection::Subscribe)?;
        let mut negotiation = self.negotiation.lock().await;
        let pc = &self.parts.pc;
        self.grow(&mut negotiation, pairs).await?;
        if restart_ice && negotiation.remote_ufrag.is_some() {
            guarded("restart_ice", pc.restart_ice()).await?;
        }
        let offer = guarded("create_offer", pc.create_offer(None)).await?;
        let sdp = self.set_local(&mut negotiation, offer, with_offered_codecs).await?;
        let slots = Description::parse(&sdp).ok().and_then(|ours| negotiation.slots.pairs_in(&ours));
        let slots = slots.ok_or_else(|| TransportError::Failed("the library's offer lacks a slot".to_owned()))?;
        negotiation.offered = Some(sdp.clone());
        Ok(Offered { sdp, slots })
    }

    async fn accept(&self, answer: &str) -> Result<Vec<SendSlot>, TransportError> {
        self.open_as(Connection::Subscribe)?;
        let theirs = Description::parse(answer)?;
        let mut negotiation = self.negotiation.lock().await;
        let Some(offered) = negotiation.offered.clone() else { return Err(sdp::refused("no offer waits for it")) };
        let ours = Description::parse(&offered)?;
        let mids: Vec<String> = ours.sections.iter().map(|section| section.mid.to_owned()).collect();
        check_answer(&theirs, &mids)?;
        let taken = RTCSessionDescription::answer(for_library(answer, &theirs));
        let taken = taken.map_err(|e| sdp::refused(e.to_string()))?;
        guarded("set_remote_description", self.parts.pc.set_remote_description(taken)).await?;
        self.parts.notices.early.reached(Ready::Checks);
        negotiation.offered = None;
        self.note_ufrag(&mut negotiation, &theirs);
        let slots = send_slots(&theirs, &ours, negotiation.slots.planned());
        self.command(Command::Send { connection: self.parts.how.connection, slots: slots.clone() })?;
        Ok(slots)
    }

    async fn candidate(&self, candidate: &str) -> Result<(), TransportError> {
        check_candidate(candidate)
    }

    async fn close(&self) {
        let Parts { how, media, pc, notices, .. } = &self.parts;
        if notices.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        // media stops first; the library's close_notify needs no entry there
        close_connection(&**media, how.worker, how.connection).await;
        if let Err(error) = guarded("close", pc.close()).await {
            tracing::warn!(connection = how.connection.0, %error, "transport not closed in order");
        }
    }
}

/// A transport that is dropped unclosed closes itself, if its runtime still runs.
impl Drop for WebrtcTransport {
    fn drop(&mut self) {
        if self.parts.notices.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (media, pc, how) = (self.parts.media.clone(), self.parts.pc.clone(), self.parts.how.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                close_connection(&*media, how.worker, how.connection).await;
                let _ = guarded("close", pc.close()).await;
            });
        }
    }
}
