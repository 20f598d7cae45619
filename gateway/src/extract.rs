//! What handlers take from a request: bodies, queries and paths, refused with a stable code where they do not fit.
//!
//! **Invariant:** no handler sees a body that is larger than allowed, not JSON, of another shape or not valid.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::{HeaderMap, header, request::Parts};
use garde::Validate;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{RoomId, Slug};
use rookery_schemas::rest::FieldProblem;
use serde::de::DeserializeOwned;

use crate::problem::Refused;
use crate::state::AppState;

/// A JSON body, read and validated.
pub(crate) struct Body<T>(pub(crate) T);

impl<T> FromRequest<AppState> for Body<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Refused;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refused> {
        if !is_json(request.headers()) {
            return Err(Refused::new(ErrorCode::UnsupportedMediaType));
        }
        let max = state.config.body_bytes_max;
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > max) {
            return Err(Refused::new(ErrorCode::TooLarge));
        }
        let body = Limited::new(request.into_body(), max).collect().await.map_err(|error| {
            let too_large = error.downcast_ref::<LengthLimitError>().is_some();
            Refused::new(if too_large { ErrorCode::TooLarge } else { ErrorCode::Malformed })
        })?;
        let body = body.to_bytes();
        // serde would read a struct from an array, too.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Refused::because(ErrorCode::Malformed, "A JSON object is expected."));
        }
        let value: T = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
        value.validate().map_err(|report| invalid(&report))?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Says what does not fit without repeating what was sent: that may be a password.
fn malformed(error: &serde_json::Error) -> Refused {
    let text = error.to_string();
    let named = ["missing field", "unknown field", "duplicate field"].iter().any(|start| text.starts_with(start));
    let message = if named {
        text.split(" at line").next().unwrap_or_default().chars().take(200).collect()
    } else if error.is_data() {
        format!("A value of the wrong type ends at line {}, column {}.", error.line(), error.column())
    } else {
        format!("Not JSON at line {}, column {}.", error.line(), error.column())
    };
    Refused::because(ErrorCode::Malformed, message)
}

fn invalid(report: &garde::Report) -> Refused {
    let fields = report.iter().map(|(path, error)| FieldProblem {
        field: camel_case(&path.to_string()),
        message: error.message().to_owned(),
    });
    Refused::new(ErrorCode::Invalid).with_fields(fields.collect())
}

/// `display_name` as clients write it, `displayName`.
fn camel_case(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut upper = false;
    for c in path.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.extend(c.to_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// The query of the address, read.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(_) => Err(Refused::because(ErrorCode::Invalid, "The query of this address is not as it should be.")),
        }
    }
}

/// A room in a path, by its id or its short name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoomRef {
    /// `0b5c...`, a UUID.
    Id(RoomId),
    /// `abc-defg-hij`.
    Slug(Slug),
}

impl RoomRef {
    fn parse(text: &str) -> Option<Self> {
        // Only the usual form of a UUID: one room has one address.
        let id = (text.len() == uuid::fmt::Hyphenated::LENGTH).then(|| text.parse().ok()).flatten();
        id.map(Self::Id).or_else(|| text.parse().ok().map(Self::Slug))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RoomRef {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok().map(|Path(text)| text);
        text.as_deref().and_then(Self::parse).ok_or_else(|| {
            Refused::field(ErrorCode::Invalid, "room", "must be a room's id or a name like abc-defg-hij")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_named_by_id_or_slug_only() {
        let id = "6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d11";
        assert_eq!(RoomRef::parse(id), Some(RoomRef::Id(id.parse().unwrap())));
        assert_eq!(RoomRef::parse("abc-defg-hij"), Some(RoomRef::Slug("abc-defg-hij".parse().unwrap())));
        for bad in
            ["", "abc", "*", "..", "a.b.c", "6f1f64a19c4e4f6e8f3a0c8b6f0a2d11", "{6f1f64a1-9c4e-4f6e-8f3a-0c8b6f0a2d1}"]
        {
            assert_eq!(RoomRef::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let error =
            serde_json::from_str::<rookery_schemas::rest::Login>(r#"{"login": 1, "password": "x"}"#).err().unwrap();
        let text = format!("{:?}", malformed(&error));
        assert!(text.contains("wrong type") && !text.contains("integer"), "{text}");
        let error = serde_json::from_str::<rookery_schemas::rest::Login>(r#"{"login": "x"}"#).err().unwrap();
        assert!(format!("{:?}", malformed(&error)).contains("missing field `password`"));
    }

    #[test]
    fn fields_are_named_as_clients_write_them() {
        assert_eq!(camel_case("display_name"), "displayName");
        assert_eq!(camel_case("email"), "email");
    }
}
