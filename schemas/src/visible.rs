//! What of a text people can see: names must be what they look like, and a message must show something.
//!
//! **Invariant:** nothing is changed, only refused; what was accepted is kept as it was written.

/// A name that people can see: not blank, no control or direction-changing characters (they forge other names), and
/// joiners only where they make one emoji of two.
pub(crate) fn displayable(text: &str, _: &()) -> garde::Result {
    if text.trim().is_empty() {
        return Err(garde::Error::new("must not be blank"));
    }
    if text.chars().any(is_hidden) || !joins_emoji_only(text) {
        return Err(garde::Error::new("must not have invisible characters"));
    }
    Ok(())
}

const JOINER: char = '\u{200D}';

/// Whether every joiner stands between two emoji (UTS #51, 1.4.9: an emoji may have a presentation selector or a skin tone).
fn joins_emoji_only(text: &str) -> bool {
    let modifies = |c: &char| matches!(c, '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}');
    let mut parts = text.split(JOINER);
    let Some(mut before) = parts.next() else { return true };
    parts.all(|after| {
        let joined = before.chars().rev().find(|c| !modifies(c)).is_some_and(is_pictograph)
            && after.chars().next().is_some_and(is_pictograph);
        before = after;
        joined
    })
}

/// The blocks that hold every emoji which is part of a joined one: symbols and arrows, then the pictographs.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21FF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{1F300}'..='\u{1FAFF}')
        && !matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// A message of which something can be seen, and that every store can keep.
pub(crate) fn says_something(text: &str, _: &()) -> garde::Result {
    let nothing = |c: char| c.is_whitespace() || c == JOINER || is_hidden(c);
    if text.chars().all(nothing) || text.contains('\0') {
        return Err(garde::Error::new("shows nothing, or has U+0000"));
    }
    Ok(())
}

/// No shape of its own: controls, and what joins, parts or turns the text around it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{FEFF}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_people_can_see() {
        for (name, shown) in [
            ("Ann", true),
            ("\u{2003}", false),
            ("A\u{200B}", false),
            ("A\u{202E}nn", false),
            ("A\u{061C}nn", false),
            ("A\u{2060}nn", false),
            ("A\nB", false),
            // joined emoji: a family, with skin tones, with a selector before the joiner, an arrow, a square
            ("\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467} Ann", true),
            ("\u{1F469}\u{1F3FD}\u{200D}\u{1F91D}\u{200D}\u{1F468}\u{1F3FB}", true),
            ("Ann \u{2764}\u{FE0F}\u{200D}\u{1F525}", true),
            ("\u{1F642}\u{200D}\u{2194}\u{FE0F}", true),
            ("\u{1F408}\u{200D}\u{2B1B}", true),
            ("\u{1F3F4}\u{200D}\u{2620}\u{FE0F}", true),
            // joiners that nobody sees
            ("A\u{200D}nn", false),
            ("\u{200D}\u{1F469}", false),
            ("\u{1F469}\u{200D}", false),
            ("\u{1F469}\u{200D}A", false),
            ("\u{1F469}\u{200D}\u{200D}\u{1F467}", false),
            ("\u{1F469}\u{200D}\u{1F3FB}", false),
        ] {
            assert_eq!(displayable(name, &()).is_ok(), shown, "{name:?}");
        }
    }

    #[test]
    fn a_message_shows_something() {
        for (text, shown) in [
            ("Hello", true),
            ("a\u{200B}b\nc", true),
            ("\u{1F469}\u{200D}\u{1F467}", true),
            (" \n\t\u{2003}", false),
            ("\u{200B}", false),
            ("\u{202E}\u{200D} \u{FEFF}", false),
            ("a\0b", false),
        ] {
            assert_eq!(says_something(text, &()).is_ok(), shown, "{text:?}");
        }
    }
}
