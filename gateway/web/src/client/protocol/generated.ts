// Made from the Rust types of `schemas` by `make generate`. Do not edit.

export type Allowed = { 
/**
 * Their voices.
 */
microphone: boolean, 
/**
 * Their faces.
 */
camera: boolean, 
/**
 * Their screens, with the sound of these.
 */
screen: boolean, };

export type Attachment = number;

export type ChangePassword = { 
/**
 * The present one.
 */
current: string, 
/**
 * By the rules of registration.
 */
new: string, };

export type ChatAck = { 
/**
 * Which.
 */
nonce: Nonce, 
/**
 * Its place.
 */
seq: Seq, 
/**
 * Its time.
 */
at: UnixMillis, };

export type ChatMessage = { 
/**
 * Its place in the room.
 */
seq: Seq, 
/**
 * Given by the sender.
 */
nonce: Nonce, 
/**
 * Who sent it (the peer of that time).
 */
peer: PeerId, 
/**
 * The sender's account; absent for guests.
 */
user?: UserId, 
/**
 * The sender's name at that time.
 */
displayName: string, 
/**
 * Plain text.
 */
text: string, 
/**
 * When the owner took it.
 */
at: UnixMillis, };

export type ChatSend = { 
/**
 * The same nonce twice is one message.
 */
nonce: Nonce, 
/**
 * Plain text, 1 to 4,000 characters of which something can be seen, and no U+0000.
 */
text: string, 
/**
 * The last message that the sender had seen; a retry names it so that an old one is not taken for new.
 */
seen: Seq, };

export type ClientFrame = { 
/**
 * [`PROTOCOL_VERSION`] of the sender; absent means 1.
 */
v: number, 
/**
 * Chosen by the client and returned as `re`; absent for messages that want no answer.
 */
id?: number, 
/**
 * The room that is meant. Absent only in `ping`, `resume` and `join`, whose token or ticket names it.
 */
room?: RoomId, 
/**
 * What is said.
 */
message: ClientMessage, };

export type ClientMessage = { "type": "join" } & JoinRoom | { "type": "resume" } & ResumeRoom | { "type": "leave" } | { "type": "offer", 
/**
 * RFC 8866, at most 10,000 lines; candidates may be left out, the server is ICE-lite.
 */
sdp: string, } | { "type": "answer", 
/**
 * Which offer this answers.
 */
negotiation: Negotiation, 
/**
 * RFC 8866.
 */
sdp: string, } | { "type": "candidate" } & IceCandidate | { "type": "publish" } & Publish | { "type": "unpublish", 
/**
 * One of the caller's own.
 */
track: TrackId, } | { "type": "subscribe" } & Subscribe | { "type": "unsubscribe" } & Unsubscribe | { "type": "slots", 
/**
 * Pairs wanted in all, at most [`crate::limits::SLOT_PAIRS_MAX`].
 */
pairs: number, } | { "type": "restart_ice" } | { "type": "mute", 
/**
 * One of the caller's own.
 */
track: TrackId, 
/**
 * True: nothing is forwarded.
 */
muted: boolean, } | { "type": "direct" } & DirectSend | { "type": "direct_failed", 
/**
 * Which link.
 */
link: LinkNumber, } | { "type": "ice_servers" } | { "type": "chat_send" } & ChatSend | { "type": "chat_read", 
/**
 * The last message seen.
 */
seq: Seq, } | { "type": "history" } & History | { "type": "kick", 
/**
 * Whom.
 */
peer: PeerId, } | { "type": "close_room" } | { "type": "ping", 
/**
 * Returned as it is.
 */
at: number, };

export type Codec = "opus" | "vp8" | "h264" | "vp9" | "av1";

export type Connection = "publish" | "subscribe";

export type CreateRoom = { 
/**
 * 1 to 100 characters.
 */
name: string, 
/**
 * At most 1,000 characters.
 */
description?: string, 
/**
 * `meeting` or `chat`; others are refused with `kind_unsupported`.
 */
kind: RoomKind, 
/**
 * 4 to 128 characters.
 */
password?: string, 
/**
 * 2 to 1,000, 100 if absent.
 */
maxPeers?: number, 
/**
 * When it ends by itself, in the future. Not for ad-hoc meetings, which end by themselves.
 */
expiresAt?: UnixMillis, 
/**
 * Listed for everyone.
 */
public?: boolean, 
/**
 * A meeting started on the spot: ends one hour after the last one left.
 */
adHoc?: boolean, };

export type DescriptionKind = "offer" | "answer";

export type DirectPayload = { "type": "description", 
/**
 * Which of the two.
 */
kind: DescriptionKind, 
/**
 * RFC 8866, at most 10,000 lines.
 */
sdp: string, } | { "type": "candidate", 
/**
 * The candidate line, without `a=`; empty means that no more will come.
 */
candidate: string, 
/**
 * The m-line's mid.
 */
mid?: string, };

export type DirectSend = { 
/**
 * The other end.
 */
to: PeerId, 
/**
 * The link that it belongs to; refused with `direct_stale` if that is not the present one.
 */
link: LinkNumber, 
/**
 * What is said.
 */
payload: DirectPayload, };

export type Epoch = number;

export type ErrorCode = "invalid" | "malformed" | "too_large" | "method_not_allowed" | "unsupported_media_type" | "not_found" | "timeout" | "unauthorized" | "token_expired" | "signed_out" | "forbidden" | "csrf" | "origin_refused" | "bad_credentials" | "locked_out" | "email_taken" | "username_taken" | "weak_password" | "refresh_refused" | "rate_limited" | "room_not_found" | "room_full" | "room_closed" | "room_expired" | "password_required" | "password_wrong" | "kind_unsupported" | "kind_refuses_media" | "banned" | "members_only" | "ticket_invalid" | "ticket_expired" | "resume_refused" | "not_joined" | "already_joined" | "superseded" | "peer_not_found" | "track_not_found" | "slot_not_found" | "slot_kind" | "sdp_refused" | "srtp_profile" | "negotiation_stale" | "direct_stale" | "not_allowed" | "too_many" | "nonce_expired" | "unknown" | "store_unavailable" | "owner_unavailable" | "overloaded" | "slow_reader" | "internal";

export type EventNumber = number;

export type FieldProblem = { 
/**
 * Its path, e.g. `displayName`.
 */
field: string, 
/**
 * A sentence.
 */
message: string, };

export type History = { 
/**
 * Only messages before this one, newest first taken.
 */
before?: Seq, 
/**
 * Only messages after this one, oldest first taken.
 */
after?: Seq, 
/**
 * 1 to 50, 50 if absent.
 */
limit?: number, };

export type HistoryPage = { 
/**
 * At most 50, and at most what fits a frame.
 */
messages: Array<ChatMessage>, 
/**
 * True if there is more in the direction that was asked for.
 */
more: boolean, };

export type IceCandidate = { 
/**
 * Of which connection.
 */
connection: Connection, 
/**
 * The candidate line, without `a=`; empty means that no more will come.
 */
candidate: string, 
/**
 * The m-line's mid.
 */
mid?: string, };

export type IceServer = { 
/**
 * RFC 7064 and 7065.
 */
urls: Array<string>, 
/**
 * For TURN.
 */
username?: string, 
/**
 * For TURN.
 */
credential?: string, 
/**
 * How long the credentials are good from when they were told, ms; absent where they do not run out.
 */
lifetimeMs?: number, };

export type Inside = { 
/**
 * How many.
 */
peers: number, 
/**
 * The first few names, at most eight.
 */
names: Array<string>, };

export type Join = { 
/**
 * A guest's name; members have theirs.
 */
displayName?: string, 
/**
 * Where one is asked for.
 */
password?: string, };

export type JoinAnswer = { 
/**
 * For `join` over the WebSocket (and, for guests, for opening it): 30 s, used once.
 */
ticket: string, 
/**
 * The seat that it is for.
 */
peer: PeerId, 
/**
 * What the caller may do.
 */
role: Role, 
/**
 * The room.
 */
room: Room, 
/**
 * For the client's connections.
 */
iceServers: Array<IceServer>, 
/**
 * WebSocket addresses, best first.
 */
gateways: Array<string>, };

export type JoinRoom = { 
/**
 * From `POST rooms/{room}/join`; used once.
 */
ticket: string, 
/**
 * What the client's connections will offer.
 */
srtp: SrtpProfile, 
/**
 * True if the client can be connected to another directly.
 */
direct: boolean, };

export type Joined = { 
/**
 * The caller's own id.
 */
peer: PeerId, 
/**
 * How often it has attached.
 */
attachment: Attachment, 
/**
 * What the caller may do.
 */
role: Role, 
/**
 * The room.
 */
room: RoomInfo, 
/**
 * The term of the present owner.
 */
epoch: Epoch, 
/**
 * The last event that this snapshot contains.
 */
n: EventNumber, 
/**
 * Everyone, the caller included.
 */
roster: Array<PeerInfo>, 
/**
 * Every publication, the caller's own included.
 */
tracks: Array<TrackInfo>, 
/**
 * Which way media goes.
 */
path: MediaPath, 
/**
 * The last chat message stored, 0 if none.
 */
lastSeq: Seq, 
/**
 * For the client's connections.
 */
iceServers: Array<IceServer>, 
/**
 * WebSocket addresses that know this room, own first.
 */
gateways: Array<string>, 
/**
 * For `resume`; valid 10 minutes, renewed by `resume_token`.
 */
resumeToken: string, 
/**
 * True if the media connections of an earlier attachment go on.
 */
mediaKept: boolean, };

export type LeaveReason = "left" | "kicked" | "timed_out" | "failed";

export type LinkNumber = number;

export type Login = { 
/**
 * E-mail address or username.
 */
login: string, 
/**
 * At most 128 characters.
 */
password: string, };

export type Me = { 
/**
 * The account.
 */
id: UserId, 
/**
 * Its address.
 */
email: string, 
/**
 * Its name for signing in.
 */
username: string, 
/**
 * What others see.
 */
displayName: string, };

export type MediaKind = "audio" | "video";

export type MediaPath = { "type": "sfu" } | { "type": "direct", 
/**
 * A new number is a new connection between them.
 */
link: LinkNumber, 
/**
 * The two, the lower id first: that one is the polite side of the negotiation.
 */
peers: [PeerId, PeerId], };

export type Messages = { 
/**
 * Oldest first.
 */
messages: Array<ChatMessage>, 
/**
 * `before` for the page of older ones; absent if there is none.
 */
older?: Seq, 
/**
 * `after` for the page of newer ones; absent if there is none.
 */
newer?: Seq, };

export type Negotiation = number;

export type Nonce = string;

export type PatchAllowed = { 
/**
 * Voices.
 */
microphone?: boolean, 
/**
 * Faces.
 */
camera?: boolean, 
/**
 * Screens, with their sound.
 */
screen?: boolean, };

export type PatchMe = { 
/**
 * 1 to 64 characters.
 */
displayName?: string, };

export type PatchRoom = { 
/**
 * 1 to 100 characters.
 */
name?: string, 
/**
 * At most 1,000 characters.
 */
description?: string, 
/**
 * 4 to 128 characters, or `null`.
 */
password?: string | null, 
/**
 * 2 to 1,000.
 */
maxPeers?: number, 
/**
 * In the future, or `null`. Not for ad-hoc meetings, which end by themselves.
 */
expiresAt?: number | null, 
/**
 * Listed for everyone.
 */
public?: boolean, 
/**
 * What those who are not its host may send; each by itself.
 */
allowed?: PatchAllowed, };

export type PeerId = string;

export type PeerInfo = { 
/**
 * Who.
 */
peer: PeerId, 
/**
 * The account; absent for guests.
 */
user?: UserId, 
/**
 * What others see.
 */
displayName: string, 
/**
 * What it may do.
 */
role: Role, 
/**
 * When it first entered.
 */
joinedAt: UnixMillis, 
/**
 * True while its socket is lost and its seat is kept.
 */
reconnecting: boolean, };

export type Problem = { 
/**
 * A stable address for this code on the protocol page.
 */
type: string, 
/**
 * The HTTP status.
 */
status: number, 
/**
 * The code's sentence.
 */
title: string, 
/**
 * What is wrong in this case.
 */
detail?: string, 
/**
 * The stable code.
 */
code: ErrorCode, 
/**
 * The request, for support.
 */
requestId?: string, 
/**
 * When trying again makes sense, ms.
 */
retryAfterMs?: number, 
/**
 * Fields that were refused, where the code is `invalid` or `weak_password`.
 */
fields?: Array<FieldProblem>, };

export type Publish = { 
/**
 * The m-line's mid on the publish connection, 1 to 16 characters.
 */
mid: string, 
/**
 * Sound or pictures; must be the m-line's.
 */
kind: MediaKind, 
/**
 * Where from.
 */
source: SourceKind, 
/**
 * Whether it begins muted.
 */
muted: boolean, };

export type Refusal = { 
/**
 * The stable code.
 */
code: ErrorCode, 
/**
 * A sentence for people, in English; clients translate by the code.
 */
message: string, 
/**
 * When trying again makes sense, ms from now.
 */
retryAfterMs?: number, };

export type Register = { 
/**
 * RFC 5321, at most 254 characters.
 */
email: string, 
/**
 * 3 to 32 of letters, digits, `_`, `-` and `.`.
 */
username: string, 
/**
 * 10 to 128 characters, not a common one, not the e-mail address.
 */
password: string, 
/**
 * What others see; the username if absent.
 */
displayName?: string, };

export type ResumeRoom = { 
/**
 * The last one received in `joined` or `resume_token`.
 */
token: string, 
/**
 * As in `join`.
 */
srtp: SrtpProfile, 
/**
 * True if the client's media connections are still up and are to be kept.
 */
keepMedia: boolean, 
/**
 * As in `join`.
 */
direct: boolean, 
/**
 * The direct link that the client still has, if it has one.
 */
link?: LinkNumber, };

export type Role = "guest" | "member" | "host";

export type Room = { 
/**
 * Its id.
 */
id: RoomId, 
/**
 * Its short name.
 */
slug: Slug, 
/**
 * Where people go.
 */
url: string, 
/**
 * Its title.
 */
name: string, 
/**
 * More about it.
 */
description: string, 
/**
 * What it is for.
 */
kind: RoomKind, 
/**
 * Whether a password is asked for.
 */
hasPassword: boolean, 
/**
 * People inside at the most.
 */
maxPeers: number, 
/**
 * Listed for everyone.
 */
public: boolean, 
/**
 * What those who are not its host may send.
 */
allowed: Allowed, 
/**
 * When it ends by itself.
 */
expiresAt?: UnixMillis, 
/**
 * When it ended; its history can still be read by members.
 */
closedAt?: UnixMillis, 
/**
 * When it was made.
 */
createdAt: UnixMillis, 
/**
 * What the caller is in it; absent for those who never joined.
 */
role?: Role, 
/**
 * Who is inside now.
 */
inside: Inside, 
/**
 * The last message; for members only.
 */
lastMessage?: ChatMessage, 
/**
 * Messages after the caller's read marker.
 */
unread: number, };

export type RoomClosedReason = "host" | "expired" | "deleted";

export type RoomId = string;

export type RoomInfo = { 
/**
 * Its id.
 */
id: RoomId, 
/**
 * Its short name in links.
 */
slug: Slug, 
/**
 * Its title, 1 to 100 characters.
 */
name: string, 
/**
 * What it is for.
 */
kind: RoomKind, 
/**
 * What those who are not its host may send.
 */
allowed: Allowed, };

export type RoomKind = "meeting" | "chat" | "direct" | "watch";

export type RoomList = { 
/**
 * Most recently used first.
 */
rooms: Array<Room>, 
/**
 * For the next page; absent on the last.
 */
next?: string, };

export type RoomScope = "mine" | "public";

export type Seq = number;

export type ServerFrame = { 
/**
 * The room that it is about; absent where it is about the socket.
 */
room?: RoomId, 
/**
 * The `id` of the client frame that this answers.
 */
re?: number, 
/**
 * The room's epoch, in room events.
 */
epoch?: Epoch, 
/**
 * The event's number in its epoch, in room events; one more than the last.
 */
n?: EventNumber, 
/**
 * What is said.
 */
message: ServerMessage, };

export type ServerMessage = { "type": "joined" } & Joined | { "type": "peer_joined", 
/**
 * Who.
 */
peer: PeerInfo, } | { "type": "peer_left", 
/**
 * Who.
 */
peer: PeerId, 
/**
 * Why.
 */
reason: LeaveReason, } | { "type": "peer_updated", 
/**
 * The whole entry.
 */
peer: PeerInfo, } | { "type": "track_published", 
/**
 * It.
 */
track: TrackInfo, } | { "type": "track_unpublished", 
/**
 * Which.
 */
track: TrackId, } | { "type": "track_updated", 
/**
 * The whole entry.
 */
track: TrackInfo, } | { "type": "room_updated", 
/**
 * The whole entry.
 */
room: RoomInfo, } | { "type": "path_changed", 
/**
 * Which way.
 */
path: MediaPath, } | { "type": "direct", 
/**
 * By whom.
 */
from: PeerId, 
/**
 * On which link.
 */
link: LinkNumber, 
/**
 * What.
 */
payload: DirectPayload, } | { "type": "speakers", 
/**
 * Empty when nobody speaks.
 */
levels: Array<SpeakerLevel>, 
/**
 * The audio track that has the floor: changes more slowly than the loudest, and stays through short pauses.
 */
active?: TrackId, } | { "type": "chat", 
/**
 * It.
 */
message: ChatMessage, } | { "type": "room_closed", 
/**
 * Why.
 */
reason: RoomClosedReason, } | { "type": "answer", 
/**
 * RFC 8866, with every candidate in it.
 */
sdp: string, } | { "type": "subscribe_offer" } & SubscribeOffer | { "type": "published", 
/**
 * The track's id.
 */
track: TrackId, } | { "type": "slot_live", 
/**
 * Which pair.
 */
slot: SlotIndex, 
/**
 * Which half.
 */
kind: MediaKind, 
/**
 * What it carries now.
 */
track: TrackId, 
/**
 * The simulcast layer that is forwarded, by its publisher's name for it (rid); absent where there is one only.
 * When it changes the whole is told again, at most twice a second.
 */
layer?: string, } | { "type": "slot_idle", 
/**
 * Which pair.
 */
slot: SlotIndex, 
/**
 * Which half.
 */
kind: MediaKind, } | { "type": "chat_ack" } & ChatAck | { "type": "history" } & HistoryPage | { "type": "ice_servers", 
/**
 * With credentials that are good from now on.
 */
iceServers: Array<IceServer>, } | { "type": "resume_token", 
/**
 * Replaces the former.
 */
token: string, } | { "type": "reattach", 
/**
 * For logs and the stats overlay.
 */
reason: string, } | { "type": "kicked" } | { "type": "ok" } | { "type": "error" } & Refusal | { "type": "pong", 
/**
 * As it was sent.
 */
at: number, 
/**
 * The server's clock, for display only.
 */
now: UnixMillis, };

export type Session = { 
/**
 * EdDSA JWT, 15 minutes, for `Authorization: Bearer`.
 */
accessToken: string, 
/**
 * When it runs out.
 */
expiresAt: UnixMillis, 
/**
 * Who is signed in.
 */
user: Me, };

export type SlotIndex = number;

export type SlotPair = { 
/**
 * Its index.
 */
slot: SlotIndex, 
/**
 * mid of the video half.
 */
videoMid: string, 
/**
 * mid of the audio half.
 */
audioMid: string, };

export type Slug = string;

export type SourceKind = "camera" | "microphone" | "screen" | "screen_audio";

export type SpeakerLevel = { 
/**
 * The audio track.
 */
track: TrackId, 
/**
 * Whose.
 */
peer: PeerId, 
/**
 * 0 silent to 127 loudest: 127 + dBov of RFC 6464, smoothed over 200 ms.
 */
level: number, };

export type SrtpProfile = "gcm" | "cm";

export type Subscribe = { 
/**
 * Which track.
 */
track: TrackId, 
/**
 * Which pair; its video or audio half is taken by the track's kind.
 */
slot: SlotIndex, 
/**
 * How large it is shown; absent for audio, and for "as large as it comes".
 */
size?: WantedSize, };

export type SubscribeOffer = { 
/**
 * To be named by the answer.
 */
negotiation: Negotiation, 
/**
 * RFC 8866, with every candidate in it.
 */
sdp: string, 
/**
 * Every pair of this connection so far, in the order of their index.
 */
slots: Array<SlotPair>, };

export type TrackId = string;

export type TrackInfo = { 
/**
 * Its id.
 */
track: TrackId, 
/**
 * Whose.
 */
peer: PeerId, 
/**
 * Sound or pictures.
 */
kind: MediaKind, 
/**
 * Where from.
 */
source: SourceKind, 
/**
 * Nothing is forwarded while true.
 */
muted: boolean, 
/**
 * Known from the first packet on.
 */
codec?: Codec, };

export type UnixMillis = number;

export type Unsubscribe = { 
/**
 * Which pair.
 */
slot: SlotIndex, 
/**
 * Which half.
 */
kind: MediaKind, };

export type UserId = string;

export type WantedSize = { 
/**
 * Pixels across.
 */
width: number, 
/**
 * Pixels down.
 */
height: number, };

export type WsTicket = { 
/**
 * For `GET /ws?ticket=`: 30 s, used once.
 */
ticket: string, 
/**
 * When it runs out.
 */
expiresAt: UnixMillis, };

/** The sentence for each code, where nothing more exact is known. */
export const errorSentences: Record<ErrorCode, string> = {
  invalid: "Something in this request is not as it should be.",
  malformed: "This is not a message that we know.",
  too_large: "This is too large.",
  method_not_allowed: "This address does not take that method.",
  unsupported_media_type: "Only application/json is taken here.",
  not_found: "There is nothing here.",
  timeout: "This took too long. Please try again.",
  unauthorized: "Please sign in.",
  token_expired: "Your session needs a refresh.",
  signed_out: "This device was signed out.",
  forbidden: "You may not do that.",
  csrf: "This request did not come from Rookery's own page.",
  origin_refused: "Connections from that page are not taken.",
  bad_credentials: "That name or password is not right.",
  locked_out: "Too many failed attempts. Please wait a little.",
  email_taken: "There is an account with this e-mail address.",
  username_taken: "This username is taken.",
  weak_password: "This password is too easy to guess.",
  refresh_refused: "Please sign in again.",
  rate_limited: "That was too fast. Please wait a moment.",
  room_not_found: "There is no such room.",
  room_full: "This room is full.",
  room_closed: "This room was closed by its host.",
  room_expired: "This room has ended.",
  password_required: "This room asks for a password.",
  password_wrong: "That is not this room's password.",
  kind_unsupported: "This kind of room is not available yet.",
  kind_refuses_media: "This room is for text only.",
  banned: "The host has removed you from this room.",
  members_only: "Only members may do that.",
  ticket_invalid: "This ticket cannot be used. Please join again.",
  ticket_expired: "This ticket is too old. Please join again.",
  resume_refused: "This call cannot be taken up again. Please join again.",
  not_joined: "Join the room first.",
  already_joined: "This room is joined already.",
  superseded: "You joined again elsewhere.",
  peer_not_found: "That person is not here.",
  track_not_found: "That track is not published here.",
  slot_not_found: "That slot was not offered.",
  slot_kind: "That slot does not carry this kind of track.",
  sdp_refused: "This session description was refused.",
  srtp_profile: "Join again with the other SRTP profile.",
  negotiation_stale: "This answer is for an older offer.",
  direct_stale: "That direct connection is over.",
  not_allowed: "The host does not allow that in this room.",
  too_many: "That is more than one person may have.",
  nonce_expired: "This message is too old to be retried.",
  unknown: "It is not known yet whether this was stored.",
  store_unavailable: "Storage cannot be reached at the moment.",
  owner_unavailable: "This room cannot be reached at the moment.",
  overloaded: "The service is busy. Please try again.",
  slow_reader: "Your connection was too slow to keep up.",
  internal: "Something went wrong on our side.",
};

/** Bounds that the server enforces. */
export const limits = {
  protocolVersion: 1,
  chatTextChars: 4000,
  displayNameChars: 64,
  roomNameChars: 100,
  roomDescriptionChars: 1000,
  passwordCharsMin: 10,
  passwordCharsMax: 128,
  roomPasswordCharsMin: 4,
  roomPasswordCharsMax: 128,
  clientFrameBytes: 65536,
  slotPairs: 24,
  tracksPerPeer: 8,
  historyPage: 50,
  listPage: 50,
} as const;
