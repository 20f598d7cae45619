//! Taking a seat in a room: by ticket, or again by resume token.
//!
//! Nothing may be missed between the snapshot and the first event, so both subscriptions are made before the owner is asked;
//! events that the snapshot contains are dropped by their number. The personal subject has the attachment in its name,
//! which the owner chooses. It is known beforehand (1 for a ticket, one more than the token's on the way back) unless a later
//! attachment is known to the owner only. Then the seat is taken once more, as the successor of the attachment just given,
//! whose number *is* known, unless another has taken it from us meanwhile: so personal messages are never sent to a subject that nobody hears.
//!
//! **Invariant:** a [`Seated`] hears everything said to its attachment and every event after its snapshot.

use std::sync::Arc;

use rookery_actors::seams::{BusError, Subscription};
use rookery_schemas::bus::{
    Attached, JoinTicket, ResumeToken, RoomCommand, RoomReply, events_subject, personal_subject,
};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::{Attachment, FamilyId, LinkNumber, PeerId, RoomId, UnixMillis, UserId};
use rookery_schemas::signal::SrtpProfile;

use super::WsDeps;
use super::owners::AskError;
use super::session::tell_owner;
use crate::tokens::RESUME_MS;

/// How often a seat is taken for one request: once more for each attachment that races with ours.
const ATTEMPTS_MAX: u32 = 3;

/// Whose seat it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sitter {
    pub(super) room: RoomId,
    pub(super) peer: PeerId,
    pub(super) user: Option<UserId>,
    /// The account's device, as far as it is known.
    pub(super) family: Option<FamilyId>,
    pub(super) display_name: String,
}

/// What to take the seat with.
pub(super) struct Asking {
    pub(super) sitter: Sitter,
    pub(super) command: RoomCommand,
    pub(super) media: Media,
    pub(super) expected: Attachment,
}

/// How the client wants its media.
#[derive(Clone, Copy)]
pub(super) struct Media {
    pub(super) srtp: SrtpProfile,
    /// It can be connected to another directly.
    pub(super) direct: bool,
    /// The direct link that it still has.
    pub(super) link: Option<LinkNumber>,
    /// Its connections are to go on.
    pub(super) keep: bool,
}

/// A seat taken.
pub(super) struct Seated {
    pub(super) sitter: Sitter,
    pub(super) attached: Attached,
    pub(super) events: Subscription,
    pub(super) personal: Subscription,
}

impl Asking {
    /// With a verified ticket, over a socket of this device.
    pub(super) fn join(room: RoomId, ticket: JoinTicket, family: Option<FamilyId>, media: Media) -> Self {
        let JoinTicket { peer, user, ref display_name, .. } = ticket;
        let sitter = Sitter { room, peer, user, family, display_name: display_name.clone() };
        let command = RoomCommand::Join { ticket, srtp: media.srtp, direct: media.direct };
        Self { sitter, command, media, expected: Attachment(1) }
    }

    /// With a verified resume token.
    pub(super) fn resume(room: RoomId, token: ResumeToken, media: Media) -> Self {
        let ResumeToken { peer, user, family, ref display_name, .. } = token;
        let sitter = Sitter { room, peer, user, family, display_name: display_name.clone() };
        let expected = token.attachment.next();
        Self { sitter, command: media.resume(token, false), media, expected }
    }
}

impl Media {
    /// `retake`: only from the token's own attachment.
    fn resume(self, token: ResumeToken, retake: bool) -> RoomCommand {
        let Self { srtp, direct, link, keep: keep_media } = self;
        RoomCommand::Resume { token, srtp, keep_media, direct, link, retake }
    }
}

impl Sitter {
    /// The account, else the guest's seat: whose TURN credentials these are.
    pub(super) fn who(&self) -> String {
        self.user.map_or_else(|| self.peer.to_string(), |user| user.to_string())
    }

    /// What a resume token says of an attachment.
    pub(super) fn token(&self, attached: &Attached, now: UnixMillis) -> ResumeToken {
        ResumeToken {
            peer: self.peer,
            user: self.user,
            family: self.family,
            display_name: self.display_name.clone(),
            role: attached.role,
            attachment: attached.attachment,
            joined_at: attached.joined_at,
            expires_at: UnixMillis(now.0 + RESUME_MS),
        }
    }
}

/// Takes the seat.
///
/// # Errors
/// The owner's refusal; `owner_unavailable` or `timeout` where it cannot be reached. After `timeout` the seat may have been
/// taken: the owner is told that nobody sits there.
pub(super) async fn take(deps: &Arc<WsDeps>, asking: Asking) -> Result<Seated, Refusal> {
    let Asking { sitter, mut command, media, mut expected } = asking;
    let mut given = None;
    let events = deps.bus.subscribe(&events_subject(sitter.room)).await.map_err(bus_refusal)?;
    for _ in 0..ATTEMPTS_MAX {
        let subject = personal_subject(sitter.room, sitter.peer, expected);
        let personal = match deps.bus.subscribe(&subject).await {
            Ok(personal) => personal,
            Err(error) => {
                nobody_sits(deps, &sitter, given);
                return Err(bus_refusal(error));
            }
        };
        let attached = match deps.owners.ask(sitter.room, command, deps.config.request_timeout).await {
            Ok(RoomReply::Attached(attached)) if attached.peer == sitter.peer => *attached,
            Ok(_) => {
                tracing::error!(room = %sitter.room, "an owner answered a join with something else");
                nobody_sits(deps, &sitter, given);
                return Err(Refusal::new(ErrorCode::Internal));
            }
            Err(error) => {
                // It may have been taken all the same.
                nobody_sits(deps, &sitter, if error == AskError::Timeout { Some(expected) } else { given });
                return Err(error.into());
            }
        };
        if attached.attachment == expected {
            return Ok(Seated { sitter, attached, events, personal });
        }
        given = Some(attached.attachment);
        expected = attached.attachment.next();
        // Only from ourselves: whoever came after us keeps it.
        let token = sitter.token(&attached, deps.clock.now());
        command = media.resume(token, true);
    }
    nobody_sits(deps, &sitter, given);
    Err(Refusal::because(ErrorCode::Superseded, "This seat is being taken by several connections at once."))
}

/// Tells the owner that nobody sits on an attachment's seat after all. Returns at once.
fn nobody_sits(deps: &Arc<WsDeps>, sitter: &Sitter, attachment: Option<Attachment>) {
    if let Some(attachment) = attachment {
        let (deps, room) = (Arc::clone(deps), sitter.room);
        let gone = RoomCommand::Detach { peer: sitter.peer, attachment };
        tokio::spawn(async move { tell_owner(&deps, room, gone).await });
    }
}

fn bus_refusal(error: BusError) -> Refusal {
    tracing::warn!(%error, "a room cannot be heard");
    Refusal::new(ErrorCode::OwnerUnavailable)
}
