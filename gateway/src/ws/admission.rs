//! How many sockets there are: in all, by address, by account.
//!
//! **Invariant:** every count equals the passes alive; a pass gives back what it took, whatever ends its socket.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{RequestId, UserId};
use tokio_util::sync::CancellationToken;

use super::config::WsConfig;
use crate::address::{AddrKey, ClientAddr};

/// The sockets of this gateway.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<AddrKey, usize>,
    by_user: HashMap<UserId, HashMap<RequestId, CancellationToken>>,
}

impl Sockets {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().all
    }

    /// Ends every socket of an account with `unauthorized`: after a password change, or when it signs out everywhere.
    /// Devices that are still signed in come back by themselves.
    pub fn sign_out(&self, user: UserId) {
        let tokens: Vec<_> =
            self.0.lock().by_user.get(&user).map(|all| all.values().cloned().collect()).unwrap_or_default();
        for token in tokens {
            token.cancel();
        }
    }

    /// Room for one more socket from this address. Loopback is spared: proxies and tests come from there.
    pub(super) fn enter(&self, address: Option<ClientAddr>, config: &WsConfig) -> Result<Pass, ErrorCode> {
        let key = address.filter(|address| !address.0.is_loopback()).map(ClientAddr::key);
        let mut counts = self.0.lock();
        if counts.all >= config.sockets_max {
            return Err(ErrorCode::Overloaded);
        }
        if let Some(key) = key {
            let count = counts.by_address.entry(key).or_default();
            if *count >= config.sockets_per_address_max {
                return Err(ErrorCode::TooMany);
            }
            *count += 1;
        }
        counts.all += 1;
        Ok(Pass { sockets: self.clone(), address: key, user: None, signed_out: CancellationToken::new() })
    }
}

/// One socket's place. Dropped, it is free again.
pub(super) struct Pass {
    sockets: Sockets,
    address: Option<AddrKey>,
    user: Option<(UserId, RequestId)>,
    signed_out: CancellationToken,
}

impl Pass {
    /// Counts the socket for its account, once that is known. Again for the same account: nothing.
    pub(super) fn belongs_to(&mut self, user: UserId, socket: RequestId, config: &WsConfig) -> Result<(), ErrorCode> {
        if self.user.is_some() {
            return Ok(());
        }
        let mut counts = self.sockets.0.lock();
        let of_user = counts.by_user.entry(user).or_default();
        if of_user.len() >= config.sockets_per_user_max {
            return Err(ErrorCode::TooMany);
        }
        of_user.insert(socket, self.signed_out.clone());
        self.user = Some((user, socket));
        Ok(())
    }

    /// Cancelled when the account is signed out.
    pub(super) fn signed_out(&self) -> CancellationToken {
        self.signed_out.clone()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.sockets.0.lock();
        counts.all = counts.all.saturating_sub(1);
        if let Some(address) = self.address {
            give_back(&mut counts.by_address, address);
        }
        if let Some((user, socket)) = self.user
            && let Some(of_user) = counts.by_user.get_mut(&user)
        {
            of_user.remove(&socket);
            if of_user.is_empty() {
                counts.by_user.remove(&user);
            }
        }
    }
}

fn give_back<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn counts_are_bounded_and_given_back() {
        let config =
            WsConfig { sockets_max: 3, sockets_per_address_max: 2, sockets_per_user_max: 1, ..WsConfig::default() };
        let sockets = Sockets::default();
        let near = Some(ClientAddr("192.0.2.1".parse().unwrap()));
        let far = Some(ClientAddr("192.0.2.2".parse().unwrap()));
        let mut first = sockets.enter(near, &config).unwrap();
        let mut second = sockets.enter(near, &config).unwrap();
        assert_eq!(sockets.enter(near, &config).err(), Some(ErrorCode::TooMany));
        let third = sockets.enter(far, &config).unwrap();
        assert_eq!(sockets.enter(far, &config).err(), Some(ErrorCode::Overloaded));

        let user = UserId(Uuid::from_u128(1));
        let socket = |n| RequestId(Uuid::from_u128(n));
        assert_eq!(first.belongs_to(user, socket(1), &config), Ok(()));
        assert_eq!(first.belongs_to(user, socket(1), &config), Ok(()));
        assert_eq!(second.belongs_to(user, socket(2), &config), Err(ErrorCode::TooMany));
        let signed_out = first.signed_out();
        sockets.sign_out(user);
        assert!(signed_out.is_cancelled() && !second.signed_out().is_cancelled());
        drop((first, second, third));
        assert_eq!(sockets.count(), 0);
        let counts = sockets.0.lock();
        assert!(counts.by_address.is_empty() && counts.by_user.is_empty());
    }
}
