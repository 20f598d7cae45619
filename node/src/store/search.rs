//! What someone typed, made into a full-text query that can only ever mean these words.
//!
//! **Invariant:** every word stands in double quotes, so that no operator, column or wildcard of the typed text acts.

/// Words of one search: more narrow nothing down any further.
pub(super) const WORDS_MAX: usize = 8;
/// Characters of one word, longer than any name in a room's title.
pub(super) const WORD_CHARS_MAX: usize = 64;

/// The FTS5 query for words that begin like those of `text`; `None` where `text` is blank.
pub(super) fn query(text: &str) -> Option<String> {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| {
            let word: String = word.chars().take(WORD_CHARS_MAX).collect();
            format!("\"{}\"*", word.replace('"', "\"\""))
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_bounded() {
        for (text, want) in [
            ("", None),
            (" \t\0 ", None),
            ("team", Some("\"team\"*")),
            ("a  b", Some("\"a\"* \"b\"*")),
            ("x\" OR name:*", Some("\"x\"\"\"* \"OR\"* \"name:*\"*")),
            ("nul\0inside", Some("\"nul\"* \"inside\"*")),
        ] {
            assert_eq!(query(text).as_deref(), want, "{text:?}");
        }
        let long = query(&"ä".repeat(1_000)).unwrap();
        assert_eq!(long.chars().count(), WORD_CHARS_MAX + 3);
        assert_eq!(query(&"w ".repeat(100)).unwrap().matches('*').count(), WORDS_MAX);
    }
}
