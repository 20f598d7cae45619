//! History in pages, both ways, for members alone.

use serde_json::{Value, json};

use crate::rooms_are_made_listed_and_changed::says;
use crate::world::World;

fn numbers(page: &Value) -> Vec<u64> {
    page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn pages_go_both_ways_without_gap_or_repetition() {
    let world = World::new().await;
    let ann = world.person("ann").await;
    let room = world.room(&ann, json!({})).await;
    let path = format!("rooms/{}/messages", room["slug"].as_str().unwrap());
    let page = async |query: &str| world.get(&format!("{path}?{query}")).bearer(&ann).send().await.json;
    assert_eq!(page("").await, json!({"messages": []}));
    says(&world, &room, 120);

    let newest = page("").await;
    assert_eq!(
        (numbers(&newest), &newest["older"], &newest["newer"]),
        ((71..=120).collect(), &json!(71), &Value::Null)
    );
    let older = page("before=71").await;
    assert_eq!((numbers(&older), &older["older"], &older["newer"]), ((21..=70).collect(), &json!(21), &json!(70)));
    let oldest = page("before=21").await;
    assert_eq!((numbers(&oldest), &oldest["older"]), ((1..=20).collect(), &Value::Null));
    let forward = page("after=20&limit=7").await;
    assert_eq!(
        (numbers(&forward), &forward["older"], &forward["newer"]),
        ((21..=27).collect(), &json!(21), &json!(27))
    );
    assert_eq!(numbers(&page("after=0&limit=1").await), [1]);
    assert_eq!(numbers(&page("after=120").await), Vec::<u64>::new());
    assert_eq!(numbers(&page(&format!("before={}", u64::MAX)).await), (71..=120).collect::<Vec<_>>());
    assert_eq!(numbers(&page(&format!("after={}", u64::MAX)).await), Vec::<u64>::new());
}

#[tokio::test]
async fn others_read_nothing() {
    let world = World::new().await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let room = world.room(&ann, json!({"public": true})).await;
    says(&world, &room, 3);
    let path = format!("rooms/{}/messages", room["id"].as_str().unwrap());
    assert_eq!(world.get(&path).bearer(&bob).send().await.code(), "members_only");
    assert_eq!(world.get(&path).send().await.code(), "unauthorized");
    assert_eq!(world.join(&room, Some(&bob), json!({})).await.status, 200);
    let answer = world.get(&path).bearer(&bob).send().await;
    assert_eq!(numbers(&answer.json), [1, 2, 3]);
    assert_eq!(answer.header("content-type"), "application/json", "markup in a message is text");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}
