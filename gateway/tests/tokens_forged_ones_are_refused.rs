//! A token is taken only for its own use, signed by one of our keys, and in time; keys are shared, rotated and bounded.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say where"
)]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rookery_actors::testing::ScriptedStore;
use rookery_gateway::clock::{Clock, ManualTime, TimeSource};
use rookery_gateway::tokens::{ACCESS_MS, KEY_ACTIVATION_MS, KEY_AGE_MS_MAX, LEEWAY_MS, Tokens, TokensError, new_key};
use rookery_schemas::bus::{JoinTicket, ResumeToken};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, Epoch, FamilyId, PeerId, RequestId, RoomId, UnixMillis, UserId};
use rookery_schemas::rows::UserRow;
use rookery_schemas::signal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

const NOW: i64 = 1_800_000_000_000;

struct Setup {
    time: Arc<ManualTime>,
    store: Arc<ScriptedStore>,
    tokens: Arc<Tokens>,
}

async fn start(store: Arc<ScriptedStore>, time: &Arc<ManualTime>) -> Result<Arc<Tokens>, TokensError> {
    Tokens::start(store, Clock::of(Arc::clone(time) as Arc<dyn TimeSource>), "rookery").await
}

async fn setup() -> Setup {
    let time = ManualTime::new(UnixMillis(NOW));
    let store = Arc::new(ScriptedStore::default());
    let tokens = start(store.clone(), &time).await.unwrap();
    Setup { time, store, tokens }
}

fn ada() -> UserRow {
    UserRow {
        id: UserId(Uuid::from_u128(1)),
        email: "ada@example.org".into(),
        username: "ada".into(),
        display_name: "Ada".into(),
        password_hash: String::new(),
        password_changed_at: UnixMillis(0),
        created_at: UnixMillis(0),
    }
}

fn family() -> FamilyId {
    FamilyId(Uuid::from_u128(2))
}

fn seat(user: Option<UserId>) -> JoinTicket {
    JoinTicket {
        id: RequestId(Uuid::from_u128(3)),
        peer: PeerId(Uuid::from_u128(4)),
        user,
        display_name: "\u{1F980}".repeat(64),
        role: Role::Member,
        epoch: Epoch(7),
        expires_at: UnixMillis(NOW + 30_000),
    }
}

fn room() -> RoomId {
    RoomId(Uuid::from_u128(5))
}

fn part(token: &str, at: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

/// The token with another header and claims, signed by `key` as `alg` says.
fn signed(header: &Value, claims: &Value, alg: Algorithm, key: &EncodingKey) -> String {
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", text(header), text(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, alg).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn tokens_say_what_they_were_made_for() {
    let Setup { tokens, .. } = setup().await;
    let (access, expires_at) = tokens.access(&ada(), family()).unwrap();
    let claims = tokens.verify_access(&access).unwrap();
    assert_eq!((claims.user, claims.username.as_str(), claims.family), (ada().id, "ada", family()));
    assert_eq!(
        (claims.issued_at, claims.expires_at, expires_at),
        (UnixMillis(NOW), expires_at, UnixMillis(NOW + ACCESS_MS))
    );
    let wire = part(&access, 1);
    let names: Vec<_> = wire.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "exp", "fam", "iat", "iss", "jti", "sub", "username"]);
    assert_eq!(part(&access, 0)["alg"], "EdDSA");

    let (ticket, expires_at) = tokens.ws_ticket(ada().id, family()).unwrap();
    assert_eq!(expires_at, UnixMillis(NOW + 30_000));
    let opening = tokens.verify_ws_ticket(&ticket).unwrap();
    assert_eq!((opening.user, opening.family), (Some(ada().id), Some(family())));
    let join = tokens.join_ticket(room(), &seat(None)).unwrap();
    assert_eq!(tokens.verify_join_ticket(&join).unwrap(), (room(), seat(None)));
    let opening = tokens.verify_ws_ticket(&join).unwrap();
    assert_eq!((opening.user, opening.family, opening.id), (None, None, seat(None).id));

    let back = ResumeToken {
        peer: PeerId(Uuid::from_u128(4)),
        user: None,
        family: Some(family()),
        display_name: "Ada".into(),
        role: Role::Guest,
        attachment: Attachment(3),
        joined_at: UnixMillis(1),
        expires_at: UnixMillis(NOW + 600_000),
    };
    let resume = tokens.resume_token(room(), &back).unwrap();
    assert_eq!(tokens.verify_resume_token(&resume).unwrap(), (room(), back));
}

#[tokio::test]
async fn a_token_is_good_for_one_use_only() {
    let Setup { tokens, .. } = setup().await;
    let (access, _) = tokens.access(&ada(), family()).unwrap();
    let (ws, _) = tokens.ws_ticket(ada().id, family()).unwrap();
    let join = tokens.join_ticket(room(), &seat(Some(ada().id))).unwrap();
    let guest = tokens.join_ticket(room(), &seat(None)).unwrap();
    for (name, token, fits) in [
        ("access", &access, [true, false, false, false]),
        ("ws", &ws, [false, true, false, false]),
        ("member's join", &join, [false, false, true, false]),
        ("guest's join", &guest, [false, true, true, false]),
    ] {
        let got = [
            tokens.verify_access(token).is_ok(),
            tokens.verify_ws_ticket(token).is_ok(),
            tokens.verify_join_ticket(token).is_ok(),
            tokens.verify_resume_token(token).is_ok(),
        ];
        assert_eq!(got, fits, "{name}");
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let Setup { tokens, store, .. } = setup().await;
    let (good, _) = tokens.access(&ada(), family()).unwrap();
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let row = store.rows.lock().keys[0].clone();
    let ours = EncodingKey::from_ed_der(&row.pkcs8);
    let theirs_row = new_key(UnixMillis(NOW)).unwrap();
    let theirs = EncodingKey::from_ed_der(&theirs_row.pkcs8);
    // PKCS #8 v2 ends with the public key (RFC 8410).
    let public = &row.pkcs8[row.pkcs8.len() - 32..];
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public) });
    let with = |base: &Value, name: &str, value: Value| {
        let mut changed = base.clone();
        changed[name] = value;
        changed
    };
    let without = |base: &Value, name: &str| {
        let mut changed = base.clone();
        changed.as_object_mut().unwrap().remove(name);
        changed
    };
    let eddsa = |header: &Value, claims: &Value, key| signed(header, claims, Algorithm::EdDSA, key);
    assert!(tokens.verify_access(&eddsa(&header, &claims, &ours)).is_ok(), "the forger's tools work");

    let unsigned = good.rsplit_once('.').unwrap().0.to_owned();
    let none_header = URL_SAFE_NO_PAD.encode(with(&header, "alg", json!("none")).to_string());
    let payload = good.split('.').nth(1).unwrap();
    let exp = claims["exp"].clone();
    let mut cases = vec![
        ("alg none", format!("{none_header}.{payload}.")),
        ("alg NONE, signature kept", format!("{none_header}.{payload}.{}", good.rsplit_once('.').unwrap().1)),
        ("no signature", format!("{unsigned}.")),
        ("two parts", unsigned.clone()),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("cut in half", good[..good.len() / 2].to_owned()),
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("four parts", format!("{good}.x")),
        ("too long", format!("{good}{}", "A".repeat(5_000))),
        ("not ours", eddsa(&header, &claims, &theirs)),
        (
            "claims changed",
            format!(
                "{}.{}.{}",
                good.split('.').next().unwrap(),
                URL_SAFE_NO_PAD.encode(with(&claims, "username", json!("root")).to_string()),
                good.rsplit_once('.').unwrap().1
            ),
        ),
        ("forged kid", eddsa(&with(&header, "kid", json!(theirs_row.kid)), &claims, &theirs)),
        ("no kid", eddsa(&without(&header, "kid"), &claims, &ours)),
        ("empty kid", eddsa(&with(&header, "kid", json!("")), &claims, &ours)),
        ("jwk", eddsa(&with(&header, "jwk", jwk.clone()), &claims, &ours)),
        ("jku", eddsa(&with(&header, "jku", json!("https://evil.example/keys")), &claims, &ours)),
        ("x5u", eddsa(&with(&header, "x5u", json!("https://evil.example/keys")), &claims, &ours)),
        ("crit", eddsa(&with(&header, "crit", json!(["b64"])), &claims, &ours)),
        ("unknown header", eddsa(&with(&header, "b64", json!(false)), &claims, &ours)),
        ("no typ", eddsa(&without(&header, "typ"), &claims, &ours)),
        ("other typ", eddsa(&with(&header, "typ", json!("JWE")), &claims, &ours)),
        ("exp as a string", eddsa(&header, &with(&claims, "exp", json!(exp.to_string())), &ours)),
        ("exp as a fraction", eddsa(&header, &with(&claims, "exp", json!(exp.as_f64().unwrap() + 0.5)), &ours)),
        ("exp negative", eddsa(&header, &with(&claims, "exp", json!(-1)), &ours)),
        ("exp null", eddsa(&header, &with(&claims, "exp", Value::Null), &ours)),
        ("other issuer", eddsa(&header, &with(&claims, "iss", json!("evil")), &ours)),
        ("issuers", eddsa(&header, &with(&claims, "iss", json!(["rookery", "evil"])), &ours)),
        ("other audience", eddsa(&header, &with(&claims, "aud", json!("rookery:other")), &ours)),
        ("audiences", eddsa(&header, &with(&claims, "aud", json!(["rookery:access", "rookery:ws"])), &ours)),
        ("subject no id", eddsa(&header, &with(&claims, "sub", json!("root")), &ours)),
    ];
    for name in ["exp", "iss", "aud", "jti", "iat", "sub", "fam", "username"] {
        cases.push(("a claim is missing", eddsa(&header, &without(&claims, name), &ours)));
    }
    for kid in ["../../etc/passwd", "/dev/null", "a b", "x' OR '1'='1", "http://evil.example", &row.kid.to_uppercase()]
    {
        cases.push(("path-like kid", eddsa(&with(&header, "kid", json!(kid)), &claims, &ours)));
    }
    // The classic swap: our public key as the secret of a symmetric algorithm.
    for secret in [public, &row.pkcs8[..], row.kid.as_bytes(), b""] {
        let key = EncodingKey::from_secret(secret);
        cases.push(("HS256", signed(&with(&header, "alg", json!("HS256")), &claims, Algorithm::HS256, &key)));
        cases.push(("HS256 named EdDSA", signed(&header, &claims, Algorithm::HS256, &key)));
    }
    let embedded = Header {
        jwk: Some(serde_json::from_value(jwk).unwrap()),
        kid: Some(row.kid.clone()),
        ..Header::new(Algorithm::EdDSA)
    };
    cases.push(("own key in the header", encode(&embedded, &claims, &theirs).unwrap()));
    for (name, token) in cases {
        let refused = tokens.verify_access(&token).map_err(|refusal| refusal.code);
        assert_eq!(refused, Err(ErrorCode::Unauthorized), "{name}: {token}");
        assert_eq!(tokens.verify_ws_ticket(&token).map_err(|r| r.code), Err(ErrorCode::TicketInvalid), "{name}");
        assert_eq!(tokens.verify_join_ticket(&token).map_err(|r| r.code), Err(ErrorCode::TicketInvalid), "{name}");
        assert_eq!(tokens.verify_resume_token(&token).map_err(|r| r.code), Err(ErrorCode::ResumeRefused), "{name}");
    }
}

#[tokio::test]
async fn tokens_run_out_and_say_so() {
    let Setup { tokens, time, .. } = setup().await;
    let (access, _) = tokens.access(&ada(), family()).unwrap();
    let (ws, _) = tokens.ws_ticket(ada().id, family()).unwrap();
    let join = tokens.join_ticket(room(), &seat(None)).unwrap();
    let leeway = Duration::from_millis(LEEWAY_MS.unsigned_abs());
    time.advance(Duration::from_secs(30) + leeway);
    assert!(tokens.verify_ws_ticket(&ws).is_ok() && tokens.verify_join_ticket(&join).is_ok());
    time.advance(Duration::from_millis(1));
    for refused in [
        tokens.verify_ws_ticket(&ws).map(|_| ()),
        tokens.verify_ws_ticket(&join).map(|_| ()),
        tokens.verify_join_ticket(&join).map(|_| ()),
    ] {
        assert_eq!(refused.map_err(|refusal| refusal.code), Err(ErrorCode::TicketExpired));
    }
    assert!(tokens.verify_access(&access).is_ok());
    time.advance(Duration::from_millis(ACCESS_MS.unsigned_abs()));
    assert_eq!(tokens.verify_access(&access).map_err(|refusal| refusal.code), Err(ErrorCode::TokenExpired));
}

#[tokio::test]
async fn nodes_that_start_at_once_share_one_key_and_rotate_it_together() {
    let Setup { tokens, time, store } = setup().await;
    let other = start(store.clone(), &time).await.unwrap();
    assert_eq!(store.rows.lock().keys.len(), 1);
    let kid = |tokens: &Tokens| part(&tokens.access(&ada(), family()).unwrap().0, 0)["kid"].clone();
    let first = kid(&tokens);
    assert_eq!(kid(&other), first);

    time.advance(Duration::from_millis(KEY_AGE_MS_MAX.unsigned_abs() + 1));
    tokens.reload().await.unwrap();
    assert_eq!(store.rows.lock().keys.len(), 2);
    assert_eq!(kid(&tokens), first, "the new key does not sign before every node has read it");
    other.reload().await.unwrap();
    assert_eq!(store.rows.lock().keys.len(), 2, "one new key, not two");
    let (old, _) = tokens.access(&ada(), family()).unwrap();
    time.advance(Duration::from_millis(KEY_ACTIVATION_MS.unsigned_abs()));
    assert_ne!(kid(&tokens), first);
    assert_eq!(kid(&tokens), kid(&other));
    assert!(
        other.verify_access(&old).is_ok() && other.verify_access(&tokens.access(&ada(), family()).unwrap().0).is_ok()
    );

    time.advance(Duration::from_millis(KEY_AGE_MS_MAX.unsigned_abs() + 1));
    let (older, _) = tokens.access(&ada(), family()).unwrap();
    tokens.reload().await.unwrap();
    assert!(tokens.verify_access(&older).is_ok());
    assert_eq!(
        tokens.verify_access(&old).map_err(|refusal| refusal.code),
        Err(ErrorCode::Unauthorized),
        "a third key puts the first out"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_are_read_again_by_themselves_and_kept_while_the_store_is_down() {
    let Setup { tokens, time, store } = setup().await;
    let other = start(store.clone(), &time).await.unwrap();
    time.advance(Duration::from_millis(KEY_AGE_MS_MAX.unsigned_abs() + 1));
    tokio::time::sleep(Duration::from_secs(61)).await;
    time.advance(Duration::from_millis(KEY_ACTIVATION_MS.unsigned_abs()));
    store.script.lock().down = true;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let (token, _) = tokens.access(&ada(), family()).unwrap();
    assert!(other.verify_access(&token).is_ok());
    assert_eq!(store.rows.lock().keys.len(), 2);
}

#[tokio::test]
async fn without_a_usable_key_nothing_starts() {
    let time = ManualTime::new(UnixMillis(NOW));
    let down = Arc::new(ScriptedStore::default());
    down.script.lock().down = true;
    assert!(matches!(start(down, &time).await, Err(TokensError::Store(_))));
    let damaged = Arc::new(ScriptedStore::default());
    let mut row = new_key(UnixMillis(NOW)).unwrap();
    row.pkcs8.truncate(20);
    damaged.rows.lock().keys.push(row.clone());
    assert!(matches!(start(damaged, &time).await, Err(TokensError::DamagedKey { kid }) if kid == row.kid));
}
