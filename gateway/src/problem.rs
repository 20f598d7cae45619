//! Refusals over HTTP: RFC 9457 `application/problem+json`, whoever refused.
//!
//! A handler returns a [`Refused`]; the outermost layer ([`crate::context`]) turns it, and every bare error answer of the
//! framework, into a problem with the request's id, counts it and logs it.
//!
//! **Invariant:** no answer of 400 or above leaves without a stable code, and none names an internal.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rookery_actors::seams::{StoreError, Taken};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::RequestId;
use rookery_schemas::rest::{FieldProblem, Problem};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Fields named in one problem at the most.
const FIELDS_MAX: usize = 16;

/// A request that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    refusal: Refusal,
    fields: Vec<FieldProblem>,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Refused {
    /// Refused with the code's own sentence.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Refusal::new(code).into()
    }

    /// Refused with a more exact sentence.
    #[must_use]
    pub fn because(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal::because(code, message).into()
    }

    /// One field of the body, the query or the path is not as it should be.
    #[must_use]
    pub fn field(code: ErrorCode, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(code).with_fields(vec![FieldProblem { field: field.into(), message: message.into() }])
    }

    /// Names the refused fields.
    #[must_use]
    pub(crate) fn with_fields(mut self, mut fields: Vec<FieldProblem>) -> Self {
        fields.truncate(FIELDS_MAX);
        self.fields = fields;
        self
    }

    /// What went wrong inside: logged under the request id, never told.
    #[must_use]
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { refusal: Refusal::new(ErrorCode::Internal), fields: Vec::new(), cause: Some(Arc::new(cause)) }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.refusal.code
    }

    /// For the log.
    pub(crate) fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// The body and headers of the answer.
    pub(crate) fn render(&self, request: RequestId) -> Response {
        let code = self.refusal.code;
        let detail = (self.refusal.message != code.sentence()).then(|| self.refusal.message.clone());
        let problem = Problem {
            kind: format!("/docs/problems#{code}"),
            status: code.http_status(),
            title: code.sentence().to_owned(),
            detail,
            code,
            request_id: Some(request.to_string()),
            retry_after_ms: self.refusal.retry_after_ms,
            fields: self.fields.clone(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(ms) = self.refusal.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, fields: Vec::new(), cause: None }
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => ErrorCode::StoreUnavailable,
            StoreError::Unknown(_) => ErrorCode::Unknown,
            StoreError::Taken(Taken::Email) => ErrorCode::EmailTaken,
            StoreError::Taken(Taken::Username) => ErrorCode::UsernameTaken,
            StoreError::Taken(Taken::Slug) | StoreError::Damaged(_) => ErrorCode::Internal,
        };
        Self { refusal: Refusal::new(code), fields: Vec::new(), cause: Some(Arc::new(error)) }
    }
}

/// The bare answer; the outermost layer finds the refusal in its extensions and gives it its body.
impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The refusal that a bare error answer of the framework stands for.
pub(crate) fn of_status(status: StatusCode) -> Refused {
    let code = match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => ErrorCode::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
        StatusCode::UNPROCESSABLE_ENTITY => ErrorCode::Invalid,
        StatusCode::TOO_MANY_REQUESTS => ErrorCode::RateLimited,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => ErrorCode::Timeout,
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::Overloaded,
        status if status.is_client_error() => ErrorCode::Malformed,
        _ => ErrorCode::Internal,
    };
    Refused::new(code)
}
