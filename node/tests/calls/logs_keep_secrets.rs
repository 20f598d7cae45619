//! Whatever the filter says, nothing that is secret or that somebody wrote gets into the log.

use rookery_loadtest::{Client, ClientOptions};
use rookery_schemas::rest::Join;
use rookery_schemas::signal::History;

use crate::call::{both, follow};
use crate::node::{Node, PASSWORD, guest, meeting};

const SAID: &str = "a sentence between the two of us";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_keep_secrets() {
    let node = Node::start(&[("log.filter", "trace")]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let slug = room.slug.as_str();
    let spare = ada.join(slug, &Join::default()).await.unwrap().ticket;
    let pass = ada.ws_ticket().await.unwrap().ticket;
    let first = Client::enter(&ada, slug, &Join::default(), ClientOptions::default()).await.unwrap();
    let second = Client::enter(&node.api(), slug, &guest("Ben"), ClientOptions::default()).await.unwrap();
    first.publish(&both()).await.unwrap();
    follow(&second, 2).await;
    first.chat_send(SAID).await.unwrap();
    let page = second.history(History::default()).await.unwrap();
    assert_eq!(page.messages.last().map(|message| message.text.as_str()), Some(SAID));
    let resume = first.look(|view| view.resume_token.clone());
    ada.refresh().await.unwrap();
    let cookies = ada.cookies("/api/v1/auth/refresh").unwrap_or_default();
    let refresh = cookies.split("rookery_refresh=").nth(1).and_then(|rest| rest.split(';').next()).expect("a token");
    let access = ada.token().expect("an access token");
    first.leave().await.unwrap();
    let log = node.log();
    assert!(log.contains("a room was made"), "it is a log");
    for (what, secret) in [
        ("a password", PASSWORD),
        ("what was said", SAID),
        ("an access token", &access),
        ("a refresh token", refresh),
        ("a resume token", &resume),
        ("a join ticket", &spare),
        ("a ticket of a socket", &pass),
        ("a session description", "ice-pwd"),
    ] {
        assert!(secret.len() > 6, "{what}: {secret:?}");
        let at = log.lines().find(|line| line.contains(secret)).map(|line| line.chars().take(120).collect::<String>());
        assert_eq!(at, None, "{what} is in the log");
    }
}
