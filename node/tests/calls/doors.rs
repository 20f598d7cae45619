//! Who may not enter is told why, and nobody inside notices.

use rookery_loadtest::socket::Opening;
use rookery_loadtest::{Client, ClientOptions, Socket};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::rest::Join;
use rookery_schemas::signal::{ClientMessage, JoinRoom, SrtpProfile};

use crate::node::{Node, guest, meeting};

/// Opens a socket with a join ticket and joins with it; the code of the refusal.
async fn enter_with(node: &Node, ticket: &str) -> Option<ErrorCode> {
    let api = node.api();
    let opening = Opening {
        url: api.ws_url(),
        ticket: Some(ticket.to_owned()),
        origin: Some(api.origin()),
        trust: api.trust().clone(),
    };
    let socket = Socket::open(&opening).await.unwrap();
    Client::join(socket, ticket.to_owned(), ClientOptions::default(), 0).await.err().and_then(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_enter_is_told_why() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let small =
        ada.create_room(&rookery_schemas::rest::CreateRoom { max_peers: Some(2), ..meeting("Small") }).await.unwrap();
    let slug = small.slug.as_str();
    let spare = node.api().join(slug, &guest("Late")).await.unwrap();
    let first = Client::enter(&ada, slug, &Join::default(), ClientOptions::default()).await.unwrap();
    let _second = Client::enter(&node.api(), slug, &guest("Ben"), ClientOptions::default()).await.unwrap();
    let full = node.api().join(slug, &guest("Cleo")).await.err().expect("the room is full");
    assert_eq!(full.code(), Some(ErrorCode::RoomFull));
    let at_the_door = enter_with(&node, &spare.ticket).await;
    assert_eq!(at_the_door, Some(ErrorCode::RoomFull), "a ticket from before is no way in");
    let joined = ada.join(slug, &Join::default()).await;
    assert_eq!(joined.err().and_then(|error| error.code()), Some(ErrorCode::RoomFull));
    assert_eq!(first.look(|view| view.roster.len()), 2, "refusals cost nobody else anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_takes_one_seat() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let ticket = ada.join(room.slug.as_str(), &Join::default()).await.unwrap().ticket;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let pass = ada.ws_ticket().await.unwrap().ticket;
        let opening =
            Opening { url: ada.ws_url(), ticket: Some(pass), origin: Some(ada.origin()), trust: ada.trust().clone() };
        sockets.push(Socket::open(&opening).await.unwrap());
    }
    let second = sockets.pop().unwrap();
    let inside =
        Client::join(sockets.pop().unwrap(), ticket.clone(), ClientOptions::default(), 0).await.expect("the first use");
    let join = ClientMessage::Join(JoinRoom { ticket, srtp: SrtpProfile::Gcm });
    let refused = second.request(None, join).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::TicketInvalid));
    assert_eq!(second.is_closed(), None, "a refusal closes nothing");
    inside.chat_send("still here").await.unwrap();
    assert_eq!(inside.look(|view| view.roster.len()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_is_not_counted_as_joining() {
    let node = Node::start(&[("limits.joins_per_second", "5")]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let slug = room.slug.as_str();
    let client = Client::enter(&ada, slug, &Join::default(), ClientOptions::default()).await.unwrap();
    let mut refused = None;
    for _ in 0..50 {
        refused = ada.join(slug, &Join::default()).await.err().and_then(|error| error.code());
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(refused, Some(ErrorCode::RateLimited));
    for attachment in 2..12 {
        let pass = ada.ws_ticket().await.unwrap().ticket;
        let opening =
            Opening { url: ada.ws_url(), ticket: Some(pass), origin: Some(ada.origin()), trust: ada.trust().clone() };
        let joined = client.resume(Socket::open(&opening).await.unwrap(), true).await.unwrap();
        assert_eq!(joined.attachment.0, attachment);
    }
}
