//! Who may not enter is told why, and nobody inside notices.

use futures_util::future::join_all;
use rookery_loadtest::client::View;
use rookery_loadtest::socket::Opening;
use rookery_loadtest::{Client, ClientOptions, Socket};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::rest::Join;
use rookery_schemas::signal::{ChatSend, ClientMessage, JoinRoom, ResumeRoom, ServerFrame, ServerMessage, SrtpProfile};
use uuid::Uuid;

use crate::call::SOON;
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
    let join = ClientMessage::Join(JoinRoom { ticket, srtp: SrtpProfile::Gcm, direct: false });
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

/// Several tabs with one token, as a duplicated tab has it: the last of them has the seat, and it is not shown as lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_who_come_back_at_once_has_the_seat() {
    let node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let observer = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    let ben = Client::enter(&node.api(), room.slug.as_str(), &guest("Ben"), ClientOptions::default()).await.unwrap();
    let token = ben.look(|view| view.resume_token.clone());
    let api = node.api();
    for _ in 0..5 {
        let opening =
            Opening { url: api.ws_url(), ticket: None, origin: Some(api.origin()), trust: api.trust().clone() };
        let sockets = join_all((0..5).map(|_| async { Socket::open(&opening).await.unwrap() })).await;
        let resume = || {
            ClientMessage::Resume(ResumeRoom {
                token: token.clone(),
                srtp: SrtpProfile::Gcm,
                keep_media: false,
                direct: false,
                link: None,
            })
        };
        let answers = join_all(sockets.iter().map(|socket| socket.request(None, resume()))).await;
        let attachment = |answer: &Result<ServerFrame, _>| match answer.as_ref().map(|frame| &frame.message) {
            Ok(ServerMessage::Joined(joined)) => Some(joined.attachment),
            _ => None,
        };
        let newest = answers.iter().map(attachment).zip(&sockets).max_by_key(|(attachment, _)| *attachment).unwrap();
        assert!(newest.0.is_some(), "{answers:?}");
        let chat = ClientMessage::ChatSend(ChatSend { nonce: Nonce(Uuid::new_v4()), text: "me".into(), seen: Seq(0) });
        newest.1.request(Some(room.id), chat).await.expect("the newest has the seat");
        let there = |view: &View| view.roster.get(&ben.peer()).is_some_and(|peer| !peer.reconnecting);
        observer.until(SOON, "the seat to be there", there).await.unwrap();
        sockets.iter().for_each(Socket::cut);
        let lost = |view: &View| view.roster.get(&ben.peer()).is_some_and(|peer| peer.reconnecting);
        observer.until(SOON, "no ghost to sit there", lost).await.unwrap();
    }
}
