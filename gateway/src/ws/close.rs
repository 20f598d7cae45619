//! Why the server closes a socket, and with which number.
//!
//! **Invariant:** a close frame's reason is a stable code (or empty for 1001), so that clients need no table of numbers.

use axum::extract::ws::{CloseFrame, Utf8Bytes};
use rookery_schemas::error::ErrorCode;

/// Why a socket ends by our doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// This gateway stops: dial another.
    GoingAway,
    /// For this reason.
    Because(ErrorCode),
}

impl Cut {
    /// The reasons with a number of their own, as on the protocol page; any other code is closed with 4000.
    pub const NUMBERS: &'static [(ErrorCode, u16)] = &[
        (ErrorCode::Internal, 4000),
        (ErrorCode::Unauthorized, 4001),
        (ErrorCode::TicketInvalid, 4001),
        (ErrorCode::TicketExpired, 4001),
        (ErrorCode::Malformed, 4002),
        (ErrorCode::TooLarge, 4003),
        (ErrorCode::RateLimited, 4004),
        (ErrorCode::Timeout, 4005),
        (ErrorCode::TooMany, 4006),
        (ErrorCode::Overloaded, 4007),
        (ErrorCode::SlowReader, 4008),
        (ErrorCode::ResumeRefused, 4009),
        (ErrorCode::SignedOut, 4010),
    ];

    /// The number of the close frame (RFC 6455, section 7.4.2: 4000 and up are ours).
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Because(code) => {
                Self::NUMBERS.iter().find(|(known, _)| *known == code).map_or(4000, |(_, number)| *number)
            }
        }
    }

    /// The reason of the close frame, also the label in metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "",
            Self::Because(code) => code.as_str(),
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::Because(code) => code.as_str(),
        }
    }

    pub(super) fn frame(self) -> CloseFrame {
        CloseFrame { code: self.number(), reason: Utf8Bytes::from_static(self.reason()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_on_the_protocol_page() {
        let page = include_str!("../../../schemas/PROTOCOL.md");
        for (code, number) in Cut::NUMBERS {
            let row = page.lines().find(|line| line.starts_with(&format!("| {number} |")));
            assert!(row.is_some_and(|row| row.contains(&format!("`{code}`"))), "{number} {code}: {row:?}");
        }
        assert!(page.contains("\n| 1001 | (empty) |"));
    }

    #[test]
    fn numbers_are_ours_and_reasons_are_codes() {
        assert_eq!((Cut::GoingAway.number(), Cut::GoingAway.reason()), (1001, ""));
        assert_eq!(Cut::Because(ErrorCode::SlowReader).number(), 4008);
        assert_eq!(Cut::Because(ErrorCode::RoomFull).number(), 4000);
        for code in ErrorCode::ALL {
            let cut = Cut::Because(*code);
            assert!((4000..5000).contains(&cut.number()));
            assert_eq!(cut.reason(), code.as_str());
        }
    }
}
