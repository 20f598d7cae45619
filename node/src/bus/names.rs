//! What subjects, buckets and keys may look like.
//!
//! **Invariant:** what passes here has no wildcard and no empty token, on any bus.

use rookery_actors::seams::BusError;

/// Tokens of a subject at the most.
const TOKENS_MAX: usize = 8;
/// Bytes of a subject at the most.
const BYTES_MAX: usize = 200;

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Checks a subject or a key.
pub(super) fn subject(text: &str) -> Result<(), BusError> {
    let fits = text.len() <= BYTES_MAX && text.split('.').count() <= TOKENS_MAX && text.split('.').all(is_token);
    if fits { Ok(()) } else { Err(BusError::Invalid(text.chars().take(BYTES_MAX).collect())) }
}

/// Checks a bucket.
pub(super) fn bucket(text: &str) -> Result<(), BusError> {
    if text.contains('.') { Err(BusError::Invalid(text.chars().take(BYTES_MAX).collect())) } else { subject(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_plain_tokens() {
        let long = "a".repeat(200);
        let longer = "a".repeat(201);
        for (text, fits) in [
            ("a", true),
            ("node.n-1.rooms", true),
            ("a.b.c.d.e.f.g.h", true),
            (long.as_str(), true),
            ("a.b.c.d.e.f.g.h.i", false),
            (longer.as_str(), false),
            ("", false),
            ("a..b", false),
            (".a", false),
            ("a.", false),
            ("a.*", false),
            (">", false),
            ("A", false),
            ("a b", false),
            ("a_b", false),
            ("ä", false),
            ("a\r\nb", false),
        ] {
            assert_eq!(subject(text).is_ok(), fits, "{text:?}");
            assert_eq!(bucket(text).is_ok(), fits && !text.contains('.'), "{text:?}");
        }
    }
}
