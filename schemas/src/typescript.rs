//! The TypeScript form of every message, as one file.
//!
//! `cargo run -p rookery-schemas --example typescript` writes it; a test compares it with what is checked in.
//!
//! **Invariant:** the text depends on the types alone, so that a stale copy is told from a current one byte by byte.

use std::any::TypeId;
use std::collections::BTreeMap;

use ts_rs::{Config, TS, TypeVisitor};

use crate::error::ErrorCode;
use crate::{limits, rest, signal};

/// Where the text is kept, from the workspace's root.
pub const PATH: &str = "gateway/web/src/client/protocol/generated.ts";

#[derive(Default)]
struct Declarations {
    config: Config,
    seen: Vec<TypeId>,
    texts: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_none() || self.seen.contains(&TypeId::of::<T>()) {
            return;
        }
        self.seen.push(TypeId::of::<T>());
        self.texts.insert(T::ident(&self.config), T::decl(&self.config));
        T::visit_dependencies(self);
    }
}

/// The whole file.
#[must_use]
pub fn declarations() -> String {
    let mut all = Declarations::default();
    all.visit::<signal::ClientFrame>();
    all.visit::<signal::ServerFrame>();
    all.visit::<rest::Register>();
    all.visit::<rest::Login>();
    all.visit::<rest::ChangePassword>();
    all.visit::<rest::Session>();
    all.visit::<rest::PatchMe>();
    all.visit::<rest::CreateRoom>();
    all.visit::<rest::PatchRoom>();
    all.visit::<rest::RoomList>();
    all.visit::<rest::RoomScope>();
    all.visit::<rest::Join>();
    all.visit::<rest::JoinAnswer>();
    all.visit::<rest::WsTicket>();
    all.visit::<rest::Messages>();
    all.visit::<rest::Problem>();

    let mut out = String::from("// Made from the Rust types of `schemas` by `make generate`. Do not edit.\n\n");
    for declaration in all.texts.values() {
        out.push_str("export ");
        out.push_str(declaration);
        out.push_str("\n\n");
    }
    out.push_str("/** The sentence for each code, where nothing more exact is known. */\n");
    out.push_str("export const errorSentences: Record<ErrorCode, string> = {\n");
    for code in ErrorCode::ALL {
        out.push_str(&format!("  {}: {:?},\n", code.as_str(), code.sentence()));
    }
    out.push_str("};\n\n/** Bounds that the server enforces. */\nexport const limits = {\n");
    for (name, value) in [
        ("protocolVersion", usize::from(signal::PROTOCOL_VERSION)),
        ("chatTextChars", limits::CHAT_TEXT_CHARS_MAX),
        ("displayNameChars", limits::DISPLAY_NAME_CHARS_MAX),
        ("roomNameChars", limits::ROOM_NAME_CHARS_MAX),
        ("roomDescriptionChars", limits::ROOM_DESCRIPTION_CHARS_MAX),
        ("passwordCharsMin", *limits::PASSWORD_CHARS.start()),
        ("passwordCharsMax", *limits::PASSWORD_CHARS.end()),
        ("roomPasswordCharsMin", *limits::ROOM_PASSWORD_CHARS.start()),
        ("roomPasswordCharsMax", *limits::ROOM_PASSWORD_CHARS.end()),
        ("clientFrameBytes", limits::CLIENT_FRAME_BYTES_MAX),
        ("slotPairs", usize::from(limits::SLOT_PAIRS_MAX)),
        ("tracksPerPeer", limits::TRACKS_PER_PEER_MAX),
        ("historyPage", usize::from(limits::HISTORY_PAGE_MAX)),
        ("listPage", usize::from(limits::LIST_PAGE_MAX)),
    ] {
        out.push_str(&format!("  {name}: {value},\n"));
    }
    out.push_str("} as const;\n");
    out
}
