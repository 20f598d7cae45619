//! Which passwords are too easy to guess.
//!
//! **Invariant:** a password that passes has 10 to 128 characters, is none of the common ones (nor one of them with digits or
//! signs around it), and is not made of its owner's names.

use std::collections::HashSet;
use std::sync::LazyLock;

use rookery_schemas::limits::PASSWORD_CHARS;
use unicode_normalization::UnicodeNormalization as _;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with("# ") && *line != "#").collect()
});

/// Different characters that a password has at least: `aaaaaaaaaa` and `abababababab` have fewer.
const DIFFERENT_MIN: usize = 5;
/// Characters around a common word that do not make it a better one: `password2024!`.
const TRIMMED_MAX: usize = 6;
/// Words that everybody tries here.
const OURS: &[&str] = &["rookery"];

/// Whether a password will do, for an account with these names.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn check(password: &str, email: &str, username: &str) -> Result<(), &'static str> {
    // Bytes first, so that counting is cheap whatever was sent.
    if password.len() > PASSWORD_CHARS.end() * 4 || password.chars().count() > *PASSWORD_CHARS.end() {
        return Err("must have at most 128 characters");
    }
    if password.chars().count() < *PASSWORD_CHARS.start() {
        return Err("must have at least 10 characters");
    }
    let folded = fold(password);
    let stem = stem(&folded);
    let mut different: Vec<char> = folded.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_MIN || is_run(&folded) {
        return Err("must not be a simple row of characters");
    }
    let email = fold(email);
    let local = email.split('@').next().unwrap_or_default();
    let username = fold(username);
    if [email.as_str(), local, username.as_str()]
        .iter()
        .any(|name| !name.is_empty() && (folded == *name || stem == *name))
    {
        return Err("must not be your e-mail address or name");
    }
    let plain = unleet(&folded);
    let plain_stem = unleet(stem);
    let known = |word: &str| COMMON.contains(word) || OURS.contains(&word);
    if [folded.as_str(), stem, &plain, &plain_stem].iter().any(|word| known(word)) || is_doubled(&folded, known) {
        return Err("is among the most common ones");
    }
    Ok(())
}

fn fold(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase()
}

/// The word inside `123password!`, if not too much was around it.
fn stem(folded: &str) -> &str {
    let stem = folded.trim_matches(|c: char| !c.is_alphabetic());
    let trimmed = folded.chars().count() - stem.chars().count();
    if trimmed <= TRIMMED_MAX && !stem.is_empty() { stem } else { folded }
}

fn unleet(folded: &str) -> String {
    let plain = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    folded.chars().map(plain).collect()
}

/// `12345678901`, `abcdefghijk`, `98765432109`: each character follows the last, up or down, round the corner too.
fn is_run(folded: &str) -> bool {
    let step = |a: char, b: char| match (a, b) {
        ('9', '0') | ('z', 'a') => 1,
        ('0', '9') | ('a', 'z') => -1,
        _ => i64::from(u32::from(b)) - i64::from(u32::from(a)),
    };
    let mut steps = folded.chars().zip(folded.chars().skip(1)).map(|(a, b)| step(a, b));
    let Some(first) = steps.next() else { return true };
    first.abs() <= 1 && steps.all(|step| step == first)
}

/// `dragondragon`: a common one, twice or more.
fn is_doubled(folded: &str, known: impl Fn(&str) -> bool) -> bool {
    (2..=folded.len() / 3).filter(|times| folded.len().is_multiple_of(*times)).any(|times| {
        let part = folded.get(..folded.len() / times).unwrap_or_default();
        !part.is_empty() && known(part) && part.repeat(times) == folded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easy_ones_are_refused_and_others_are_not() {
        for (password, fits) in [
            ("short", false),
            ("ninechars", false),
            ("qwertyuiop", false),
            ("QWERTYuiop", false),
            ("password123", false),
            ("Password2024!", false),
            ("P@ssw0rd1234", false),
            ("123password!", false),
            ("dragondragon", false),
            ("1234567890", false),
            ("9876543210987", false),
            ("abcdefghijkl", false),
            ("aaaaaaaaaaaa", false),
            ("abababababab", false),
            ("christopher", false),
            ("rookery2026", false),
            ("ann.lee@example.com", false),
            ("Ann.Lee2026", false),
            ("annlee-the-2nd", true),
            ("ten chars!", true),
            ("correct horse battery", true),
            ("\u{17d}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148}", true),
        ] {
            assert_eq!(check(password, "ann.lee@example.com", "annlee").is_ok(), fits, "{password}");
        }
        assert!(check("annlee2026", "a@example.com", "annlee").is_err());
        assert_eq!(check(&"x".repeat(1_000_000), "a@b.c", "abc"), Err("must have at most 128 characters"));
        assert!(check(&"\u{1f426}abcd".repeat(25), "a@b.c", "abc").is_ok(), "125 characters, 200 bytes");
    }

    #[test]
    fn the_list_is_there_without_its_licence() {
        assert!(COMMON.len() > 11_000);
        assert!(COMMON.contains("1q2w3e4r5t") && !COMMON.iter().any(|line| line.starts_with("# ")));
    }
}
