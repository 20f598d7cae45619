//! The folded forms by which e-mail addresses and usernames are one account's only.
//!
//! **Invariant:** names that look alike, or differ in case alone, give the same claim.

use rookery_schemas::rows::Claim;
use unicode_normalization::UnicodeNormalization as _;

/// What an e-mail address is found by: NFKC and lower case. (The part before the `@` is case-sensitive by RFC 5321 and
/// nowhere else.)
pub(crate) fn email_claim(email: &str) -> Claim {
    Claim::Email(fold(email))
}

/// What a username is found by: lower case, and one letter for those that look alike (after UTS #39, for ASCII).
pub(crate) fn username_claim(username: &str) -> Claim {
    let mut skeleton = String::with_capacity(username.len());
    for c in fold(username).chars() {
        skeleton.push(match c {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            '_' | '.' => '-',
            other => other,
        });
    }
    Claim::Username(skeleton.replace("rn", "m").replace("vv", "w"))
}

/// What someone typed to sign in: an address if it has an `@`, which no username has.
pub(crate) fn login_claim(login: &str) -> Claim {
    if login.contains('@') { email_claim(login) } else { username_claim(login) }
}

fn fold(text: &str) -> String {
    // Lower-casing may leave compatibility characters and the other way round: fold both ways.
    text.trim().nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_one() {
        for (a, b, same) in [
            ("Paul", "paul", true),
            ("paul", "pauI", true),
            ("paul", "pau1", true),
            ("b0b", "BOB", true),
            ("modern", "modem", true),
            ("vvalter", "walter", true),
            ("j.doe", "j_doe", true),
            ("\u{ff50}aul", "paul", true),
            ("paul", "paula", false),
        ] {
            assert_eq!(username_claim(a) == username_claim(b), same, "{a} {b}");
        }
        assert_eq!(email_claim(" Ann@Example.COM"), email_claim("ann@example.com"));
        assert_eq!(email_claim("\u{ff21}nn@example.com"), email_claim("ann@example.com"));
        assert_ne!(email_claim("ann1@example.com"), email_claim("annl@example.com"));
        assert_eq!(login_claim("ANN@example.com"), email_claim("ann@example.com"));
        assert_eq!(login_claim("Ann"), username_claim("ann"));
    }
}
