//! A client's two media connections: what it publishes, and what it receives in slots.
//!
//! **Invariant:** each connection is made once, when it is first needed, and lives until the call ends or media is lost.

use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::ids::{SlotIndex, TrackId};
use rookery_schemas::signal::{ClientMessage, MediaKind, Publish, ServerMessage, Subscribe, Unsubscribe, WantedSize};

use super::view::Half;
use super::{Client, Plan, unexpected};
use crate::rtc::{Media, MediaOptions, MediaStats};
use crate::source::TrackSpec;
use crate::stamp::Origin;
use crate::{Error, Weather};

/// From the answer to ICE and DTLS being up: far more than any way needs, so that only a broken one fails.
const CONNECT_TIME: Duration = Duration::from_secs(15);

/// A track that this client publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Given by the server.
    pub track: TrackId,
    /// Its m-line on the publish connection.
    pub mid: String,
    /// What is sent.
    pub spec: TrackSpec,
    /// What its stamps say.
    pub origin: Origin,
}

#[derive(Debug, Default)]
pub(super) struct Publishing {
    pub(super) media: Option<Arc<Media>>,
    pub(super) tracks: Vec<Publication>,
    // Kept over a resume: a receiver tells tracks apart by it.
    tracks_numbered: u16,
}

/// The connection in `slot`, made if there is none.
pub(super) async fn connection(slot: &mut Option<Arc<Media>>, options: &MediaOptions) -> Result<Arc<Media>, Error> {
    if let Some(media) = slot {
        return Ok(Arc::clone(media));
    }
    let media = Arc::new(Media::open(options).await?);
    *slot = Some(Arc::clone(&media));
    Ok(media)
}

impl Client {
    /// Publishes tracks: announced and offered in one go, then sent as soon as the connection is up.
    ///
    /// # Errors
    ///
    /// As the server refuses; [`Error::Timeout`] if the connection does not come up.
    pub async fn publish(&self, specs: &[TrackSpec]) -> Result<Vec<Publication>, Error> {
        let mut publishing = self.shared.publishing.lock().await;
        let media = connection(&mut publishing.media, &self.shared.options.media).await?;
        let (sdp, mids) = media.offer(specs).await?;
        let socket = self.socket();
        let mut announced = Vec::with_capacity(specs.len());
        for (spec, mid) in specs.iter().zip(&mids) {
            let publish = Publish { mid: mid.clone(), kind: spec.kind(), source: spec.source(), muted: false };
            announced.push(socket.begin(Some(self.shared.room), ClientMessage::Publish(publish))?);
        }
        let answer = socket.begin(Some(self.shared.room), ClientMessage::Offer { sdp })?;
        let mut made = Vec::with_capacity(specs.len());
        for ((reply, spec), mid) in announced.into_iter().zip(specs).zip(mids) {
            let track = match reply.wait().await?.message {
                ServerMessage::Published { track } => track,
                other => return Err(unexpected("published", &other)),
            };
            let origin = Origin::of(self.shared.me, publishing.tracks_numbered);
            publishing.tracks_numbered += 1;
            made.push(Publication { track, mid, spec: *spec, origin });
        }
        match answer.wait().await?.message {
            ServerMessage::Answer { sdp } => media.take_answer(sdp).await?,
            other => return Err(unexpected("answer", &other)),
        }
        media.connected(CONNECT_TIME).await?;
        for publication in &made {
            media.start(&publication.mid, publication.spec, publication.origin).await?;
        }
        publishing.tracks.extend(made.iter().cloned());
        Ok(made)
    }

    /// Restarts ICE on the publish connection (RFC 8445 section 9), as a browser does after its network changed.
    ///
    /// # Errors
    ///
    /// As the server refuses; [`Error::Missing`] without a publish connection.
    pub async fn restart_publish_ice(&self) -> Result<(), Error> {
        let media = self.publish_media().await?;
        let sdp = media.offer_ice_restart().await?;
        match self.request(ClientMessage::Offer { sdp }).await? {
            ServerMessage::Answer { sdp } => media.take_answer(sdp).await,
            other => Err(unexpected("answer", &other)),
        }
    }

    /// Ends a publication: the server is told, and nothing more is sent.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn unpublish(&self, track: TrackId) -> Result<(), Error> {
        self.say(ClientMessage::Unpublish { track }).await?;
        let mut publishing = self.shared.publishing.lock().await;
        let at = publishing.tracks.iter().position(|publication| publication.track == track);
        let gone = at.map(|at| publishing.tracks.remove(at));
        if let (Some(gone), Some(media)) = (gone, &publishing.media) {
            media.stop(&gone.mid).await?;
        }
        Ok(())
    }

    /// Tells the server that a track is muted or not. Its packets go on: that they go no further is the server's promise.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn mute(&self, track: TrackId, muted: bool) -> Result<(), Error> {
        self.say(ClientMessage::Mute { track, muted }).await
    }

    /// Asks for slot pairs and waits until there are as many, negotiated and answered.
    ///
    /// # Errors
    ///
    /// As the server refuses; [`Error::Timeout`].
    pub async fn ask_slots(&self, pairs: u16, within: Duration) -> Result<(), Error> {
        self.say(ClientMessage::Slots { pairs }).await?;
        self.until(within, "slots", |view| view.slots.len() >= usize::from(pairs)).await
    }

    /// Binds a track to a slot.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn subscribe(&self, track: TrackId, slot: SlotIndex, size: Option<WantedSize>) -> Result<(), Error> {
        // Noted before the answer, which `slot_live` may overtake, and taken back if it was refused.
        let half = self.look(|view| view.tracks.get(&track).map(|track| Half::from(track.kind)));
        let mut before = None;
        if let Some(half) = half {
            self.shared.view.send_modify(|view| before = view.bound.insert((slot, half), track));
        }
        let done = self.say(ClientMessage::Subscribe(Subscribe { track, slot, size })).await;
        if let (Err(_), Some(half)) = (&done, half) {
            self.shared.view.send_modify(|view| match before {
                Some(before) => drop(view.bound.insert((slot, half), before)),
                None => drop(view.bound.remove(&(slot, half))),
            });
        }
        done
    }

    /// Empties a half of a slot.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn unsubscribe(&self, slot: SlotIndex, kind: MediaKind) -> Result<(), Error> {
        self.say(ClientMessage::Unsubscribe(Unsubscribe { slot, kind })).await?;
        self.shared.view.send_modify(|view| {
            view.bound.remove(&(slot, Half::from(kind)));
            view.live.remove(&(slot, Half::from(kind)));
        });
        Ok(())
    }

    /// Binds every track of everyone else that is not bound yet, and asks for more slots where they are missing.
    /// Returns how many were bound.
    ///
    /// # Errors
    ///
    /// As the server refuses; a track that ended meanwhile is passed over.
    pub async fn follow_everyone(&self, within: Duration) -> Result<usize, Error> {
        let plan = self.look(|view| Plan::everyone(view, self.shared.me));
        if usize::from(plan.pairs) > self.look(|view| view.slots.len()) {
            self.ask_slots(plan.pairs, within).await?;
        }
        let pairs = self.look(|view| view.slots.len());
        let mut bound = 0;
        for binding in plan.within(pairs) {
            match self.subscribe(binding.track, binding.slot, None).await {
                Ok(()) => bound += 1,
                Err(error) if error.code() == Some(rookery_schemas::error::ErrorCode::TrackNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bound)
    }

    /// Changes the weather of both connections, and of none that does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::MediaEnded`].
    pub async fn set_weather(&self, up: Weather, down: Weather) -> Result<(), Error> {
        let publish = self.shared.publishing.lock().await.media.clone();
        let subscribe = self.shared.receiving.lock().await.clone();
        for media in [publish, subscribe].into_iter().flatten() {
            media.set_weather(up, down).await?;
        }
        Ok(())
    }

    /// The publish connection.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] before anything was published.
    pub async fn publish_media(&self) -> Result<Arc<Media>, Error> {
        self.shared.publishing.lock().await.media.clone().ok_or(Error::Missing("publish connection"))
    }

    /// The subscribe connection.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] before the server's first offer.
    pub async fn subscribe_media(&self) -> Result<Arc<Media>, Error> {
        self.shared.receiving.lock().await.clone().ok_or(Error::Missing("subscribe connection"))
    }

    /// What was sent.
    ///
    /// # Errors
    ///
    /// As [`Client::publish_media`]; [`Error::MediaEnded`].
    pub async fn sent(&self) -> Result<MediaStats, Error> {
        self.publish_media().await?.stats().await
    }

    /// What was received.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe_media`]; [`Error::MediaEnded`].
    pub async fn received(&self) -> Result<MediaStats, Error> {
        self.subscribe_media().await?.stats().await
    }
}
