//! What a client's description must be before the library sees it.
//!
//! **Invariant:** what passes here the library takes, as far as mutated descriptions could show; where it fails all the
//! same, the connection has failed, and is not as before.

use super::{Description, MID_CHARS_MAX, OFFER_SECTIONS_MAX, RID_CHARS_MAX, Section, Security, Setup, refused};
use crate::transport::TransportError;

/// Checks an offer of a client: at most [`OFFER_SECTIONS_MAX`] m-lines, one bundle, DTLS opened by the client.
///
/// # Errors
/// [`TransportError::Sdp`] with what is wrong.
pub fn check_offer(offer: &Description<'_>) -> Result<(), TransportError> {
    if offer.sections.len() > OFFER_SECTIONS_MAX {
        return Err(refused(format!("it has {} m-lines, more than {OFFER_SECTIONS_MAX}", offer.sections.len())));
    }
    check(offer, &[Setup::ActPass, Setup::Active], "a=setup must be actpass or active")
}

/// Checks a client's answer against the mids of our offer.
///
/// # Errors
/// [`TransportError::Sdp`] with what is wrong.
pub fn check_answer(answer: &Description<'_>, offered: &[String]) -> Result<(), TransportError> {
    if !answer.sections.iter().map(|section| section.mid).eq(offered.iter().map(String::as_str)) {
        return Err(refused("its m-lines are not those of the offer"));
    }
    check(answer, &[Setup::Active], "a=setup must be active")
}

fn check(description: &Description<'_>, setups: &[Setup], setup_wanted: &str) -> Result<(), TransportError> {
    if description.ice_lite {
        return Err(refused("both sides would be ICE-lite"));
    }
    // without one there would be no transport; a client that stops everything closes the connection instead
    if description.sections.iter().all(|section| section.rejected) {
        return Err(refused("every m-line is rejected"));
    }
    let mut common: Option<Security<'_>> = None;
    for (at, section) in description.sections.iter().enumerate() {
        mid(section)?;
        if description.sections.iter().take(at).any(|other| other.mid == section.mid) {
            return Err(refused(format!("mid {} stands twice", section.mid)));
        }
        if !section.is_rtp() && !section.is_data() {
            return Err(refused(format!("mid {} is neither sound, pictures nor data", section.mid)));
        }
        if section.rejected {
            continue;
        }
        carried(description, section)?;
        let security = section.security.or(description.security);
        credentials(&security)?;
        if !security.setup.is_some_and(|setup| setups.contains(&setup)) {
            return Err(refused(setup_wanted));
        }
        let first = *common.get_or_insert(security);
        if (first.ufrag, first.pwd, first.sha256) != (security.ufrag, security.pwd, security.sha256) {
            return Err(refused("its m-lines name different ICE credentials or fingerprints"));
        }
    }
    Ok(())
}

fn mid(section: &Section<'_>) -> Result<(), TransportError> {
    let mid = section.mid;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+!~*{}".contains(&byte);
    if mid.is_empty() || mid.len() > MID_CHARS_MAX || !mid.bytes().all(token) {
        return Err(refused(format!("a mid must have 1 to {MID_CHARS_MAX} characters")));
    }
    Ok(())
}

/// One bundle, RTP or SCTP over DTLS, RTCP on the same port.
fn carried(description: &Description<'_>, section: &Section<'_>) -> Result<(), TransportError> {
    let Section { mid, protocol, .. } = section;
    if !description.bundle.contains(mid) {
        return Err(refused(format!("mid {mid} is not in the bundle")));
    }
    let served = match section.media {
        "audio" | "video" => protocol.ends_with("TLS/RTP/SAVPF") || protocol.ends_with("TLS/RTP/SAVP"),
        "application" => protocol.ends_with("DTLS/SCTP"),
        _ => false,
    };
    if !served {
        return Err(refused(format!("mid {mid} is neither SRTP nor SCTP over DTLS")));
    }
    // RFC 8851 section 10
    let named = |rid: &str| {
        (1..=RID_CHARS_MAX).contains(&rid.len()) && rid.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if !section.rids.iter().all(|rid| named(rid)) {
        return Err(refused(format!("a rid must have 1 to {RID_CHARS_MAX} letters and digits")));
    }
    if section.is_rtp() && !section.rtcp_mux {
        return Err(refused(format!("mid {mid} has no a=rtcp-mux")));
    }
    if section.is_rtp() && section.formats.iter().all(|format| format.encoding.is_empty()) {
        return Err(refused(format!("mid {mid} describes no payload type")));
    }
    Ok(())
}

/// RFC 8839 5.4: 4 and 22 characters at least; RFC 8122 5: 32 bytes in hexadecimal.
fn credentials(security: &Security<'_>) -> Result<(), TransportError> {
    let ice = |text: &str, least: usize| {
        (least..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte))
    };
    if !security.ufrag.is_some_and(|text| ice(text, 4)) || !security.pwd.is_some_and(|text| ice(text, 22)) {
        return Err(refused("it has no a=ice-ufrag and a=ice-pwd, or malformed ones"));
    }
    let fingerprint = |text: &str| {
        let mut bytes = 0;
        let hex = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        text.split(':').all(|part| {
            bytes += 1;
            hex(part)
        }) && bytes == 32
    };
    if !security.sha256.is_some_and(fingerprint) {
        return Err(refused("it has no a=fingerprint:sha-256, or a malformed one"));
    }
    Ok(())
}
