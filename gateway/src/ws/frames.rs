//! Frames to clients, as text.
//!
//! **Invariant:** no frame made here has more than [`SERVER_FRAME_BYTES_MAX`] bytes.

use axum::extract::ws::Utf8Bytes;
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::RoomId;
use rookery_schemas::limits::SERVER_FRAME_BYTES_MAX;
use rookery_schemas::signal::{Joined, ServerFrame, ServerMessage};

/// Bytes of a `joined` left for its frame and for what is not roster or tracks.
const JOINED_BYTES_MAX: usize = SERVER_FRAME_BYTES_MAX - 16 * 1024;

/// One frame. A message that would be too large becomes an error.
pub(super) fn frame(room: Option<RoomId>, re: Option<u32>, message: ServerMessage) -> Utf8Bytes {
    let frame = ServerFrame { room, re, epoch: None, n: None, message };
    match serde_json::to_string(&frame) {
        Ok(text) if text.len() <= SERVER_FRAME_BYTES_MAX => Utf8Bytes::from(text),
        Ok(_) => error(room, re, Refusal::new(ErrorCode::TooLarge)),
        Err(cause) => {
            tracing::error!(error = %cause, "a frame could not be written");
            error(room, re, Refusal::new(ErrorCode::Internal))
        }
    }
}

/// A refusal.
pub(super) fn error(room: Option<RoomId>, re: Option<u32>, refusal: Refusal) -> Utf8Bytes {
    let frame = ServerFrame { room, re, epoch: None, n: None, message: ServerMessage::Error(refusal) };
    Utf8Bytes::from(serde_json::to_string(&frame).unwrap_or_default())
}

/// A snapshot. What does not fit into one frame (a room of several hundred) follows in `peer_joined` and `track_published`
/// frames without numbers, which clients take as they take events.
pub(super) fn joined(room: RoomId, re: Option<u32>, mut joined: Joined) -> Vec<Utf8Bytes> {
    let mut left = JOINED_BYTES_MAX;
    let mut rest = Vec::new();
    let own = joined.peer;
    // The caller's own entry first: a client finds itself in `joined` in any case.
    joined.roster.sort_by_key(|peer| peer.peer != own);
    let (roster, late) = fitting(std::mem::take(&mut joined.roster), &mut left);
    joined.roster = roster;
    rest.extend(late.into_iter().map(|peer| ServerMessage::PeerJoined { peer }));
    let (tracks, late) = fitting(std::mem::take(&mut joined.tracks), &mut left);
    joined.tracks = tracks;
    rest.extend(late.into_iter().map(|track| ServerMessage::TrackPublished { track }));
    let first = frame(Some(room), re, ServerMessage::Joined(Box::new(joined)));
    std::iter::once(first).chain(rest.into_iter().map(|message| frame(Some(room), None, message))).collect()
}

/// As many as fit into `left` bytes, in order, and the others.
fn fitting<T: serde::Serialize>(items: Vec<T>, left: &mut usize) -> (Vec<T>, Vec<T>) {
    let mut fits = true;
    items.into_iter().partition(|item| {
        let bytes = serde_json::to_string(item).map_or(usize::MAX, |text| text.len().saturating_add(1));
        fits &= bytes <= *left;
        if fits {
            *left -= bytes;
        }
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schemas::ids::{Attachment, Epoch, EventNumber, PeerId, Seq, Slug, TrackId, UnixMillis};
    use rookery_schemas::signal::{MediaKind, PeerInfo, Role, RoomInfo, RoomKind, SourceKind, TrackInfo};
    use uuid::Uuid;

    fn peer(n: u128) -> PeerInfo {
        PeerInfo {
            peer: PeerId(Uuid::from_u128(n)),
            user: None,
            display_name: "\u{1F980}".repeat(64),
            role: Role::Guest,
            joined_at: UnixMillis(0),
            reconnecting: false,
        }
    }

    fn track(n: u128) -> TrackInfo {
        TrackInfo {
            track: TrackId(Uuid::from_u128(n)),
            peer: PeerId(Uuid::from_u128(n)),
            kind: MediaKind::Video,
            source: SourceKind::Camera,
            muted: false,
            codec: None,
        }
    }

    #[test]
    fn a_room_of_a_thousand_arrives_whole_in_frames_that_fit() {
        let room = RoomId(Uuid::from_u128(1));
        let whole = Joined {
            peer: PeerId(Uuid::from_u128(1_000)),
            attachment: Attachment(1),
            role: Role::Guest,
            room: RoomInfo {
                id: room,
                slug: Slug::from_letters([0; 10]),
                name: "x".repeat(100),
                kind: RoomKind::Meeting,
                allowed: Default::default(),
            },
            epoch: Epoch(1),
            n: EventNumber(7),
            roster: (1..=1_000).map(peer).collect(),
            tracks: (1..=2_000).map(track).collect(),
            path: rookery_schemas::signal::MediaPath::Sfu,
            last_seq: Seq(0),
            ice_servers: Vec::new(),
            gateways: Vec::new(),
            resume_token: "x".repeat(2_000),
            media_kept: false,
        };
        let frames = joined(room, Some(3), whole);
        let (mut peers, mut tracks) = (0, 0);
        for (at, text) in frames.iter().enumerate() {
            assert!(text.as_str().len() <= SERVER_FRAME_BYTES_MAX);
            let frame: ServerFrame = serde_json::from_str(text.as_str()).unwrap();
            assert_eq!((frame.room, frame.re, frame.n), (Some(room), (at == 0).then_some(3), None));
            match frame.message {
                ServerMessage::Joined(joined) => {
                    assert_eq!((at, joined.roster[0].peer), (0, PeerId(Uuid::from_u128(1_000))));
                    peers += joined.roster.len();
                    tracks += joined.tracks.len();
                }
                ServerMessage::PeerJoined { .. } => peers += 1,
                ServerMessage::TrackPublished { .. } => tracks += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((peers, tracks), (1_000, 2_000));
    }

    #[test]
    fn an_answer_that_is_too_large_is_an_error() {
        let text = frame(None, Some(1), ServerMessage::Answer { sdp: "x".repeat(SERVER_FRAME_BYTES_MAX) });
        let frame: ServerFrame = serde_json::from_str(text.as_str()).unwrap();
        assert_eq!(frame.message, ServerMessage::Error(Refusal::new(ErrorCode::TooLarge)));
        assert_eq!(frame.re, Some(1));
    }
}
