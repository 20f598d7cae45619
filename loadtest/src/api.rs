//! The REST interface, typed by the shared bodies.
//!
//! **Invariant:** one [`Api`] is one browser: its own cookies and its own access token, shared with nobody.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::{Method, StatusCode, Url, header};
use rookery_schemas::ids::{Seq, Slug};
use rookery_schemas::rest::{
    ChangePassword, CreateRoom, Join, JoinAnswer, Login, Me, Messages, PatchMe, PatchRoom, Problem, Register, Room,
    RoomList, Session, WsTicket,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::tls::Trust;

/// Asked of every unsafe request, since no foreign page can send it without a preflight.
pub const CSRF_HEADER: &str = "X-Rookery-Csrf";
/// A request that is not answered in this time has failed; a password's hash takes the longest.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);
/// Characters of an unexpected body that are kept for the error.
const BODY_CHARS_MAX: usize = 200;

/// One browser's way to the REST interface.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    cookies: Arc<Jar>,
    token: Mutex<Option<String>>,
    trust: Trust,
}

/// One request, as far as it is not the usual one.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<(String, Vec<u8>)>,
    headers: Vec<(String, String)>,
    csrf: bool,
    token: bool,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its header fields.
    pub headers: header::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    route: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("base", &self.inner.base.as_str()).finish_non_exhaustive()
    }
}

impl Call {
    /// A request of `path` below `/api/v1/`, or from the root if it begins with `/`.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, headers: Vec::new(), csrf: true, token: true }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.body = Some(("application/json".to_owned(), bytes));
        self
    }

    /// With any body.
    #[must_use]
    pub fn bytes(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = Some((content_type.to_owned(), body));
        self
    }

    /// With a header field more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a foreign page would send it.
    #[must_use]
    pub fn without_csrf(mut self) -> Self {
        self.csrf = false;
        self
    }

    /// As if signed out.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.token = false;
        self
    }
}

impl Answer {
    /// The body, if the status is one of success.
    ///
    /// # Errors
    ///
    /// [`Error::Problem`] as the server said it, else [`Error::Unexpected`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success()) {
            return Err(self.refusal());
        }
        // An empty body is JSON's null, so that `()` can be read from 204.
        let body: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(body).map_err(|_| self.unexpected())
    }

    /// The problem that the body describes, if it does.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        serde_json::from_slice(&self.body).ok()
    }

    fn refusal(&self) -> Error {
        self.problem().map_or_else(|| self.unexpected(), |problem| Error::Problem(Box::new(problem)))
    }

    fn unexpected(&self) -> Error {
        let body = String::from_utf8_lossy(&self.body).chars().take(BODY_CHARS_MAX).collect();
        Error::Unexpected { route: self.route.clone(), status: self.status, body }
    }
}

impl Api {
    /// A browser that goes to `base`, e.g. `http://127.0.0.1:8080`, and trusts `trust`.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if `base` is no http or https address.
    pub fn new(base: &str, trust: Trust) -> Result<Self, Error> {
        let base = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::Address(base.to_owned()))?;
        let cookies = Arc::new(Jar::default());
        let http = reqwest::Client::builder()
            .cookie_provider(Arc::clone(&cookies))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(REQUEST_TIME_MAX)
            .tls_backend_preconfigured(trust.0.as_ref().clone())
            .build()?;
        Ok(Self { inner: Arc::new(Inner { http, base, cookies, token: Mutex::new(None), trust }) })
    }

    /// Another browser that goes to the same place: no cookies, signed out.
    ///
    /// # Errors
    ///
    /// As [`Api::new`].
    pub fn fresh(&self) -> Result<Self, Error> {
        Self::new(self.inner.base.as_str(), self.inner.trust.clone())
    }

    /// Where it goes.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.inner.base
    }

    /// What it trusts.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.inner.trust
    }

    /// The Origin of the server's own page.
    #[must_use]
    pub fn origin(&self) -> String {
        self.inner.base.origin().ascii_serialization()
    }

    /// The WebSocket's address on the same host.
    #[must_use]
    pub fn ws_url(&self) -> String {
        let mut url = self.inner.base.clone();
        url.set_path("/ws");
        url.set_query(None);
        // "http://..." becomes "ws://...", "https://..." becomes "wss://...".
        url.as_str().replacen("http", "ws", 1)
    }

    /// Sends any request and returns the answer as it came.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if there was no answer.
    pub async fn call(&self, call: Call) -> Result<Answer, Error> {
        let path = if call.path.starts_with('/') { call.path.clone() } else { format!("/api/v1/{}", call.path) };
        let route = format!("{} {path}", call.method);
        let url = self.inner.base.join(&path).map_err(|_| Error::Address(path))?;
        let safe = matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let mut request = self.inner.http.request(call.method, url);
        if !safe {
            request = request.header(header::ORIGIN, self.origin());
        }
        if !safe && call.csrf {
            request = request.header(CSRF_HEADER, "1");
        }
        let token = self.inner.token.lock().clone();
        if let Some(token) = token.filter(|_| call.token) {
            request = request.bearer_auth(token);
        }
        if let Some((content_type, body)) = call.body {
            request = request.header(header::CONTENT_TYPE, content_type).body(body);
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await?.to_vec();
        Ok(Answer { status, headers, body, route })
    }

    /// `POST auth/register`; signed in then.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn register(&self, body: &Register) -> Result<Session, Error> {
        self.session("auth/register", Some(body)).await
    }

    /// `POST auth/login`; signed in then.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn login(&self, login: &str, password: &str) -> Result<Session, Error> {
        let body = Login { login: login.to_owned(), password: password.to_owned() };
        self.session("auth/login", Some(&body)).await
    }

    /// `POST auth/refresh`, by the cookie.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn refresh(&self) -> Result<Session, Error> {
        self.session::<()>("auth/refresh", None).await
    }

    /// `POST auth/logout`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn logout(&self) -> Result<(), Error> {
        let done: Option<serde_json::Value> = self.call(Call::new(Method::POST, "auth/logout")).await?.read()?;
        drop(done);
        *self.inner.token.lock() = None;
        Ok(())
    }

    /// `POST auth/password`: the answer as it came, since a new session may or may not be part of it.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn change_password(&self, body: &ChangePassword) -> Result<Answer, Error> {
        let answer = self.call(Call::new(Method::POST, "auth/password").json(body)).await?;
        answer.read::<Option<serde_json::Value>>()?;
        if let Ok(session) = answer.read::<Session>() {
            self.set_token(Some(session.access_token));
        }
        Ok(answer)
    }

    /// `GET me`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn me(&self) -> Result<Me, Error> {
        self.call(Call::new(Method::GET, "me")).await?.read()
    }

    /// `PATCH me`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn patch_me(&self, body: &PatchMe) -> Result<Me, Error> {
        self.call(Call::new(Method::PATCH, "me").json(body)).await?.read()
    }

    /// `POST rooms`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn create_room(&self, body: &CreateRoom) -> Result<Room, Error> {
        self.call(Call::new(Method::POST, "rooms").json(body)).await?.read()
    }

    /// `GET rooms`, with the query given, already encoded (`kind=meeting&scope=public`), or empty.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn rooms(&self, query: &str) -> Result<RoomList, Error> {
        let path = if query.is_empty() { "rooms".to_owned() } else { format!("rooms?{query}") };
        self.call(Call::new(Method::GET, path)).await?.read()
    }

    /// `GET rooms/{room}`; `room` is an id or a slug.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn room(&self, room: &str) -> Result<Room, Error> {
        self.call(Call::new(Method::GET, format!("rooms/{room}"))).await?.read()
    }

    /// `PATCH rooms/{room}`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn patch_room(&self, room: &str, body: &PatchRoom) -> Result<Room, Error> {
        self.call(Call::new(Method::PATCH, format!("rooms/{room}")).json(body)).await?.read()
    }

    /// `DELETE rooms/{room}`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn delete_room(&self, room: &str) -> Result<(), Error> {
        self.call(Call::new(Method::DELETE, format!("rooms/{room}")))
            .await?
            .read::<Option<serde_json::Value>>()
            .map(drop)
    }

    /// `POST rooms/{room}/join`, as whoever is signed in, or as a guest.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn join(&self, room: &str, body: &Join) -> Result<JoinAnswer, Error> {
        self.call(Call::new(Method::POST, format!("rooms/{room}/join")).json(body)).await?.read()
    }

    /// `POST rooms/{slug}/join` under a guest's name.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn join_as_guest(&self, room: &Slug, name: &str) -> Result<JoinAnswer, Error> {
        let body = Join { display_name: Some(name.to_owned()), password: None };
        self.join(room.as_str(), &body).await
    }

    /// `GET rooms/{room}/messages`: the newest page, or the one on a side of a message.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn messages(&self, room: &str, before: Option<Seq>, after: Option<Seq>) -> Result<Messages, Error> {
        let query: Vec<String> = [("before", before), ("after", after)]
            .into_iter()
            .filter_map(|(name, seq)| seq.map(|seq| format!("{name}={seq}")))
            .collect();
        let path = format!("rooms/{room}/messages{}{}", if query.is_empty() { "" } else { "?" }, query.join("&"));
        self.call(Call::new(Method::GET, path)).await?.read()
    }

    /// `POST ws-ticket`.
    ///
    /// # Errors
    ///
    /// As the server refuses.
    pub async fn ws_ticket(&self) -> Result<WsTicket, Error> {
        self.call(Call::new(Method::POST, "ws-ticket")).await?.read()
    }

    /// The present access token.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.inner.token.lock().clone()
    }

    /// Replaces the access token.
    pub fn set_token(&self, token: Option<String>) {
        *self.inner.token.lock() = token;
    }

    /// The cookies that a request of `path` would carry, as one header field.
    #[must_use]
    pub fn cookies(&self, path: &str) -> Option<String> {
        let url = self.inner.base.join(path).ok()?;
        self.inner.cookies.cookies(&url).and_then(|value| value.to_str().map(str::to_owned).ok())
    }

    async fn session<T: Serialize>(&self, path: &str, body: Option<&T>) -> Result<Session, Error> {
        let mut call = Call::new(Method::POST, path).without_token();
        if let Some(body) = body {
            call = call.json(body);
        }
        let session: Session = self.call(call).await?.read()?;
        self.set_token(Some(session.access_token.clone()));
        Ok(session)
    }
}
