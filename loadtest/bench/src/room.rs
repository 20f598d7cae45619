//! A room on the node that is measured, and letting people into it.
//!
//! **Invariant:** at most [`AT_ONCE`] joins are under way, so that filling a room measures nothing but itself.

use rookery_loadtest::{Api, Client, ClientOptions};
use rookery_schemas::ids::Slug;
use rookery_schemas::rest::{CreateRoom, Join};
use rookery_schemas::signal::RoomKind;
use tokio::task::JoinSet;

use crate::node::Node;

const AT_ONCE: usize = 8;

/// A room and the account that made it.
pub(crate) struct Room {
    pub(crate) host: Api,
    pub(crate) slug: Slug,
}

impl Room {
    /// Makes a meeting for up to 1,000 people, and an account to host it.
    pub(crate) async fn make(node: &Node, name: &str) -> anyhow::Result<Self> {
        let host = node.account(&name.to_lowercase()).await?;
        let slug = Self::of(&host, name).await?;
        Ok(Self { host, slug })
    }

    /// Makes a meeting of this account.
    pub(crate) async fn of(host: &Api, name: &str) -> anyhow::Result<Slug> {
        let room = CreateRoom {
            name: name.to_owned(),
            description: None,
            kind: RoomKind::Meeting,
            password: None,
            max_peers: Some(1_000),
            expires_at: None,
            public: false,
            ad_hoc: false,
        };
        Ok(host.create_room(&room).await?.slug)
    }

    /// Its host enters.
    pub(crate) async fn enter_host(&self) -> anyhow::Result<Client> {
        Ok(Client::enter(&self.host, self.slug.as_str(), &Join::default(), ClientOptions::default()).await?)
    }

    /// So many guests enter.
    pub(crate) async fn enter(&self, guests: usize) -> anyhow::Result<Vec<Client>> {
        let (mut entering, mut inside) = (JoinSet::new(), Vec::with_capacity(guests));
        for n in 0..guests {
            if entering.len() == AT_ONCE {
                inside.extend(entering.join_next().await.transpose()?.transpose()?);
            }
            let (api, slug) = (self.host.fresh()?, self.slug.clone());
            entering.spawn(async move {
                let join = Join { display_name: Some(format!("Guest {n}")), password: None };
                Client::enter(&api, slug.as_str(), &join, ClientOptions::default()).await
            });
        }
        while let Some(entered) = entering.join_next().await {
            inside.push(entered??);
        }
        Ok(inside)
    }
}
