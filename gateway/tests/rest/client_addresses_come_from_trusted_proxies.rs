//! A forwarding header counts only where the peer is a trusted proxy.

use rookery_gateway::GatewayConfig;
use serde_json::json;

use crate::world::{PASSWORD, World, relaxed};

async fn register(world: &World, n: u32, forwarded: &str) -> u16 {
    let name = format!("person{n}");
    let body = json!({"email": format!("{name}@example.com"), "username": name, "password": PASSWORD});
    world.post("auth/register", body).from(forwarded).send().await.status.as_u16()
}

#[tokio::test]
async fn without_trust_the_header_is_nothing() {
    let mut config = GatewayConfig { trusted_proxies: Vec::new(), ..relaxed() };
    config.limits.registrations_per_hour = 2;
    let world = World::with(config).await;
    assert_eq!(register(&world, 1, "192.0.2.1").await, 201);
    assert_eq!(register(&world, 2, "192.0.2.2").await, 201);
    assert_eq!(register(&world, 3, "192.0.2.3").await, 429, "all of them are one peer");
}

#[tokio::test]
async fn with_trust_the_last_address_before_the_proxies_counts() {
    let mut config = relaxed();
    config.limits.registrations_per_hour = 1;
    config.trusted_proxies.push("10.0.0.0/8".parse().unwrap());
    let world = World::with(config).await;
    assert_eq!(register(&world, 1, "192.0.2.1").await, 201);
    assert_eq!(register(&world, 2, "192.0.2.1, 10.1.2.3").await, 429, "through one more proxy");
    assert_eq!(register(&world, 3, "203.0.113.5, 192.0.2.1").await, 429, "what the client wrote itself is nothing");
    assert_eq!(register(&world, 4, "192.0.2.2").await, 201);
}
