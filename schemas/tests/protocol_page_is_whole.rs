//! The protocol page names every message, field, code and limit, and what it shows as an example is one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say where"
)]

use std::collections::BTreeSet;

use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::limits;
use rookery_schemas::signal::{
    Allowed, ChatAck, ChatMessage, ChatSend, ClientFrame, ClientMessage, DirectPayload, DirectSend, History,
    HistoryPage, IceCandidate, IceServer, JoinRoom, Joined, MediaPath, PeerInfo, Publish, ResumeRoom, RoomInfo,
    ServerFrame, ServerMessage, SlotPair, SpeakerLevel, Subscribe, SubscribeOffer, TrackInfo, Unsubscribe, WantedSize,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ts_rs::{Config, TS};

const PAGE: &str = include_str!("../PROTOCOL.md");

fn section(title: &str) -> &'static str {
    let from = PAGE.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title:?}")).1;
    from.split("\n## ").next().unwrap()
}

/// The tags of an enum, from its TypeScript form.
fn tags<T: TS>() -> BTreeSet<String> {
    let declared = T::decl(&Config::default());
    let tags: BTreeSet<_> =
        declared.split("\"type\": \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert!(tags.len() > 10, "{declared}");
    tags
}

/// The field names of a type, from its TypeScript form.
fn fields<T: TS>() -> BTreeSet<String> {
    let declared = T::decl(&Config::default());
    // What follows a comment's end, up to the next comment.
    let declared: String =
        declared.split("*/").map(|part| part.split("/*").next().unwrap_or_default()).collect::<Vec<_>>().join(" ");
    let mut names = BTreeSet::new();
    for (at, _) in declared.match_indices(':') {
        let before = declared[..at].trim_end_matches(['?', '"']);
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
        if !name.is_empty() {
            names.insert(name.to_owned());
        }
    }
    names
}

fn examples(kind: &str) -> Vec<&'static str> {
    let fence = format!("```json {kind}\n");
    PAGE.split(&fence).skip(1).flat_map(|rest| rest.split("```").next().unwrap().lines()).collect()
}

/// Every key of the example is a key of what was understood: none is a slip of the pen.
fn understood(example: &Value, parsed: &Value, line: &str) {
    match (example, parsed) {
        (Value::Object(example), Value::Object(parsed)) => {
            for (key, value) in example {
                understood(value, parsed.get(key).unwrap_or_else(|| panic!("{key} means nothing in {line}")), line);
            }
        }
        (Value::Array(example), Value::Array(parsed)) => {
            assert_eq!(example.len(), parsed.len(), "{line}");
            example.iter().zip(parsed).for_each(|(example, parsed)| understood(example, parsed, line));
        }
        _ => assert_eq!(example, parsed, "{line}"),
    }
}

fn shown<T: DeserializeOwned + Serialize>(kind: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for line in examples(kind) {
        let example: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let parsed: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        understood(&example, &serde_json::to_value(&parsed).unwrap(), line);
        seen.insert(example["message"]["type"].as_str().unwrap().to_owned());
    }
    seen
}

#[test]
fn every_message_is_described_and_shown() {
    let (client, server) = (tags::<ClientMessage>(), tags::<ServerMessage>());
    assert!(client.contains("chat_send") && server.contains("slot_live"));
    for (tags, title) in [(&client, "From the client"), (&server, "From the server")] {
        for tag in tags {
            assert!(section(title).contains(&format!("\n| `{tag}` |")), "{tag} has no row in {title:?}");
        }
    }
    assert_eq!(shown::<ClientFrame>("client"), client);
    assert_eq!(shown::<ServerFrame>("server"), server);
}

#[test]
fn every_field_is_named() {
    let mut names = BTreeSet::new();
    macro_rules! of {
        ($($type:ty),* $(,)?) => { $(names.extend(fields::<$type>());)* };
    }
    of!(
        ClientFrame,
        ClientMessage,
        JoinRoom,
        ResumeRoom,
        IceCandidate,
        Publish,
        Subscribe,
        Unsubscribe,
        WantedSize,
        ChatSend,
        DirectSend,
        DirectPayload,
        MediaPath,
        History,
        ServerFrame,
        ServerMessage,
        Joined,
        RoomInfo,
        Allowed,
        PeerInfo,
        TrackInfo,
        SpeakerLevel,
        SubscribeOffer,
        SlotPair,
        ChatMessage,
        ChatAck,
        HistoryPage,
        IceServer,
        Refusal,
    );
    assert!(names.len() > 50 && names.contains("keepMedia") && names.contains("retryAfterMs"), "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_code_has_its_row_and_no_row_is_of_no_code() {
    let rows: Vec<_> = section("Codes").lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| format!("| `{code}` | {} | {} |", code.http_status(), code.sentence()))
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn limits_are_as_they_are_enforced() {
    let grouped = |n: usize| {
        let text = n.to_string();
        let head = text.len() % 3;
        let groups = text.as_bytes()[head..].chunks(3).map(|chunk| String::from_utf8(chunk.to_vec()).unwrap());
        let all: Vec<_> =
            Some(text[..head].to_owned()).into_iter().filter(|head| !head.is_empty()).chain(groups).collect();
        all.join(",")
    };
    for (what, limit, unit) in [
        ("a message from a client", limits::CLIENT_FRAME_BYTES_MAX, " bytes"),
        ("a frame to a client", limits::SERVER_FRAME_BYTES_MAX, " bytes"),
        ("rooms of one socket", limits::ROOMS_PER_SOCKET_MAX, ""),
        ("a chat message", limits::CHAT_TEXT_CHARS_MAX, " characters"),
        ("a page of history", usize::from(limits::HISTORY_PAGE_MAX), " messages"),
        ("slot pairs", usize::from(limits::SLOT_PAIRS_MAX), ""),
        ("tracks of one peer", limits::TRACKS_PER_PEER_MAX, ""),
    ] {
        let row = format!("\n| {what} | {}{unit} |", grouped(limit));
        assert!(section("Limits").contains(&row), "{row}");
    }
}
