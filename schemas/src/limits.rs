//! Bounds that both sides of a wire must agree on. Each says why it is what it is.

/// Characters of one chat message: two screens of text; longer ones belong in a file.
pub const CHAT_TEXT_CHARS_MAX: usize = 4_000;
/// Characters of a display name: fits a tile.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;
/// Characters of a room's name.
pub const ROOM_NAME_CHARS_MAX: usize = 100;
/// Characters of a room's description.
pub const ROOM_DESCRIPTION_CHARS_MAX: usize = 1_000;
/// Characters of a password, from ten. The upper bound keeps the cost of one hash bounded (NIST SP 800-63B asks for >= 64).
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 10..=128;
/// Characters of a room's password; short codes said aloud are wanted here, and guessing is rate limited.
pub const ROOM_PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 4..=128;
/// Bytes of one WebSocket frame from a client: an offer of 40 m-lines is 58 kB at the most.
pub const CLIENT_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one WebSocket frame to a client: a page of history of 50 messages of 4,000 characters fits.
pub const SERVER_FRAME_BYTES_MAX: usize = 256 * 1024;
/// Rooms joined over one WebSocket: a call and open chats.
pub const ROOMS_PER_SOCKET_MAX: usize = 32;
/// Tracks published by one peer: camera, microphone, two screens with sound, and spares.
pub const TRACKS_PER_PEER_MAX: usize = 8;
/// Slot pairs of one subscribe connection: everyone else on a page of 25 tiles. A browser answers each pair with 2.4 kB, and the
/// whole answer must fit [`CLIENT_FRAME_BYTES_MAX`].
pub const SLOT_PAIRS_MAX: u16 = 24;
/// Messages on one page of history.
pub const HISTORY_PAGE_MAX: u16 = 50;
/// Items on one page of a list.
pub const LIST_PAGE_MAX: u16 = 50;
/// People of a meeting unless its settings say less.
pub const ROOM_PEERS_DEFAULT: u32 = 100;
/// People of a meeting at the most.
pub const ROOM_PEERS_MAX: u32 = 1_000;
/// An ad-hoc meeting ends this long after it was made, or after the last one left.
pub const AD_HOC_ENDS_AFTER: std::time::Duration = std::time::Duration::from_secs(3_600);
/// Events that an owner keeps for gateways that missed some.
pub const EVENTS_KEPT: usize = 1_024;
