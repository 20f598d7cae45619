//! Fuzz body: any bytes as a session description and as a candidate.
//!
//! **Invariant:** no input panics; what is handed on means what was read, and names no candidate of the client's.

use std::net::SocketAddr;

use rookery_actors::transport::sdp::{
    Description, PlannedSlot, SDP_BYTES_MAX, SDP_LINES_MAX, SECTION_ITEMS_MAX, check_answer, check_candidate,
    check_offer, for_library, receive_lines, send_slots, with_answered_codecs, with_candidates,
};
use rookery_media::SlotKey;
use rookery_schemas::ids::SlotIndex;
use rookery_schemas::signal::MediaKind;

/// Feeds one input.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = check_candidate(&text);
    let Ok(description) = Description::parse(&text) else { return };
    assert!(text.len() <= SDP_BYTES_MAX && text.lines().count() <= SDP_LINES_MAX);
    for section in &description.sections {
        assert!(section.formats.len() <= SECTION_ITEMS_MAX && section.ssrcs.len() <= SECTION_ITEMS_MAX);
    }
    let mids: Vec<String> = description.sections.iter().map(|section| section.mid.to_owned()).collect();
    let _ = (check_offer(&description), check_answer(&description, &mids), description.ufrag());

    let lines = receive_lines(&description, &description);
    assert!(lines.len() <= description.sections.len());
    let ssrc = description.sections.iter().flat_map(|section| &section.ssrcs).next().copied().unwrap_or(1);
    let key = SlotKey { index: SlotIndex(0), kind: MediaKind::Video };
    let slots = send_slots(&description, &description, &[PlannedSlot { key, ssrc, rtx_ssrc: None }]);
    assert!(slots.len() <= 1);

    // a line more here and there may carry a text over the limits, which it itself just meets
    if text.len() > SDP_BYTES_MAX / 2 || text.lines().count() > SDP_LINES_MAX / 2 {
        return;
    }
    let handed = for_library(&text, &description);
    assert!(!handed.lines().any(|line| line.starts_with("a=candidate:") || line.starts_with("a=ssrc:")));
    let again = Description::parse(&handed).expect("what is handed on can be read");
    assert_eq!(again.sections.len(), description.sections.len());
    for (section, again) in description.sections.iter().zip(&again.sections) {
        assert_eq!((section.mid, &section.rids), (again.mid, &again.rids));
        assert_eq!((section.rejected, section.security), (again.rejected, again.security));
        assert_eq!(section.direction().sends(), again.direction().sends());
    }

    let answered = with_answered_codecs(&handed, &description);
    let answered = Description::parse(&answered).expect("what is answered can be read");
    let mut pairs = description.sections.iter().zip(&answered.sections);
    while let (true, Some((section, answered))) = (check_offer(&description).is_ok(), pairs.next()) {
        let theirs = |number| section.formats.iter().any(|format| format.number == number);
        assert!(answered.rejected || answered.formats.iter().all(|format| theirs(format.number)));
    }

    let addrs: [SocketAddr; 2] = [([192, 0, 2, 1], 7000).into(), ([0, 0, 0, 0, 0, 0, 0, 1], 7000).into()];
    let given = with_candidates(&handed, &addrs);
    assert_eq!(with_candidates(&given, &addrs), given, "writing them again changes nothing");
}
