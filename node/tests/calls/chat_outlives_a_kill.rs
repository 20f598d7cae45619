//! What was acknowledged is there after `kill -9`.

use rookery_loadtest::{Client, ClientOptions};
use rookery_schemas::ids::Seq;
use rookery_schemas::rest::Join;
use rookery_schemas::signal::History;

use crate::node::{Node, meeting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let mut node = Node::start(&[]).await;
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let client = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    let mut acknowledged = Vec::new();
    for i in 0..50 {
        acknowledged.push((client.chat_send(&format!("message {i}")).await.unwrap().seq, format!("message {i}")));
    }
    drop(client);
    node.kill_and_restart().await;
    ada.refresh().await.unwrap();
    let kept = ada.messages(room.slug.as_str(), None, None).await.unwrap();
    let kept: Vec<(Seq, String)> = kept.messages.into_iter().map(|message| (message.seq, message.text)).collect();
    assert_eq!(kept, acknowledged);
    let again = Client::enter(&ada, room.slug.as_str(), &Join::default(), ClientOptions::default()).await.unwrap();
    let next = again.chat_send("after the kill").await.unwrap();
    assert_eq!(next.seq, Seq(51), "numbers go on without a gap");
    let page = again.history(History { before: None, after: Some(Seq(49)), limit: Some(10) }).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.seq.0).collect::<Vec<_>>(), [50, 51]);
}
