//! What a chat message may say: a text that shows something, within its length.

use garde::Validate;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::limits::CHAT_TEXT_CHARS_MAX;
use rookery_schemas::signal::ChatSend;
use uuid::Uuid;

#[test]
fn chat_texts_say_something() {
    let longest = "\u{1f600}".repeat(CHAT_TEXT_CHARS_MAX);
    for (text, fits) in [
        ("Hello", true),
        (" indented\n\ttoo ", true),
        ("\u{1f469}\u{200d}\u{1f680}", true),
        (longest.as_str(), true),
        ("", false),
        (" ", false),
        ("\n\t \u{a0}\u{2003}\u{3000}", false),
        ("\0", false),
        ("Hel\0lo", false),
        (&format!("{longest}x"), false),
    ] {
        let message = ChatSend { nonce: Nonce(Uuid::nil()), text: text.to_owned(), seen: Seq(0) };
        assert_eq!(message.validate().is_ok(), fits, "{:?}", text.chars().take(20).collect::<String>());
    }
}
