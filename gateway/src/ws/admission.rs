//! The open sockets: how many in all, by address and by account, whose they are, and which seats they hold.
//!
//! **Invariant:** every count equals the passes alive; a pass gives back what it took, whatever ends its socket.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use rookery_schemas::bus::{SeatRef, SeatRenewal, SignOut};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{FamilyId, RequestId, UserId};
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
    by_user: HashMap<UserId, HashMap<RequestId, Open>>,
    /// True: something was heard from its client lately.
    seats: HashMap<SeatRef, bool>,
    renewals: u64,
}

impl Counts {
    /// Numbered under the lock that also guards what is said, so that a higher number never says something older.
    fn next_renewal(&mut self) -> u64 {
        self.renewals += 1;
        self.renewals
    }
}

/// An account's socket.
struct Open {
    /// Of which device, if that is known.
    family: Option<FamilyId>,
    signed_out: CancellationToken,
}

impl Sockets {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().all
    }

    /// Ends the sockets of these devices with `signed_out`. One whose device is not known is none that is kept.
    pub fn sign_out(&self, which: &SignOut) {
        let (user, out): (UserId, &dyn Fn(Option<FamilyId>) -> bool) = match which {
            SignOut::Device { user, family } => (*user, &|of| of == Some(*family)),
            SignOut::Others { user, keep } => (*user, &|of| of != Some(*keep)),
        };
        let counts = self.0.lock();
        let theirs = counts.by_user.get(&user).into_iter().flat_map(HashMap::values);
        let ended: Vec<_> = theirs.filter(|open| out(open.family)).map(|open| open.signed_out.clone()).collect();
        drop(counts);
        for signed_out in ended {
            signed_out.cancel();
        }
    }

    /// Every seat that a socket of this gateway holds and hears.
    pub(super) fn renewal(&self) -> SeatRenewal {
        let mut counts = self.0.lock();
        let seats = counts.seats.iter().filter(|(_, heard)| **heard).map(|(seat, _)| *seat).collect();
        SeatRenewal { seats, quiet: false, n: counts.next_renewal() }
    }

    /// The clients of these seats have fallen silent, or are heard again.
    pub(super) fn mark(&self, seats: Vec<SeatRef>, heard: bool) -> SeatRenewal {
        let mut counts = self.0.lock();
        for seat in &seats {
            if let Some(known) = counts.seats.get_mut(seat) {
                *known = heard;
            }
        }
        SeatRenewal { seats, quiet: !heard, n: counts.next_renewal() }
    }

    /// Counts a seat as held, until what is returned is dropped.
    pub(super) fn hold(&self, seat: SeatRef) -> HeldSeat {
        self.0.lock().seats.insert(seat, true);
        HeldSeat { sockets: self.clone(), seat }
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

/// A seat whose WebSocket is here.
pub(super) struct HeldSeat {
    sockets: Sockets,
    pub(super) seat: SeatRef,
}

impl Drop for HeldSeat {
    fn drop(&mut self) {
        self.sockets.0.lock().seats.remove(&self.seat);
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
    /// Counts the socket for its account and device, once they are known. Again for the same account: nothing.
    pub(super) fn belongs_to(
        &mut self,
        user: UserId,
        family: Option<FamilyId>,
        socket: RequestId,
        config: &WsConfig,
    ) -> Result<(), ErrorCode> {
        if self.user.is_some() {
            return Ok(());
        }
        let mut counts = self.sockets.0.lock();
        let of_user = counts.by_user.entry(user).or_default();
        if of_user.len() >= config.sockets_per_user_max {
            return Err(ErrorCode::TooMany);
        }
        of_user.insert(socket, Open { family, signed_out: self.signed_out.clone() });
        self.user = Some((user, socket));
        Ok(())
    }

    /// Cancelled when the device is signed out.
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
        assert_eq!(first.belongs_to(user, None, socket(1), &config), Ok(()));
        assert_eq!(first.belongs_to(user, None, socket(1), &config), Ok(()));
        assert_eq!(second.belongs_to(user, None, socket(2), &config), Err(ErrorCode::TooMany));
        drop((first, second, third));
        assert_eq!(sockets.count(), 0);
        let counts = sockets.0.lock();
        assert!(counts.by_address.is_empty() && counts.by_user.is_empty());
    }

    #[test]
    fn signing_out_ends_the_sockets_meant_and_no_others() {
        let (ann, bob) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let family = |n| FamilyId(Uuid::from_u128(n));
        let owners = [(ann, Some(family(1))), (ann, Some(family(2))), (ann, None), (bob, Some(family(3)))];
        for (which, ended) in [
            (SignOut::Device { user: ann, family: family(1) }, [true, false, false, false]),
            (SignOut::Device { user: bob, family: family(1) }, [false, false, false, false]),
            (SignOut::Others { user: ann, keep: family(2) }, [true, false, true, false]),
            (SignOut::Others { user: bob, keep: family(1) }, [false, false, false, true]),
        ] {
            let sockets = Sockets::default();
            let passes: Vec<Pass> = owners
                .iter()
                .zip(0..)
                .map(|((user, family), n)| {
                    let mut pass = sockets.enter(None, &WsConfig::default()).unwrap();
                    let socket = RequestId(Uuid::from_u128(n));
                    pass.belongs_to(*user, *family, socket, &WsConfig::default()).unwrap();
                    pass
                })
                .collect();
            sockets.sign_out(&which);
            let got: Vec<bool> = passes.iter().map(|pass| pass.signed_out().is_cancelled()).collect();
            assert_eq!(got, ended, "{which:?}");
        }
    }

    #[test]
    fn a_seat_is_held_as_long_as_its_holder() {
        let sockets = Sockets::default();
        let seat = |attachment| SeatRef {
            room: rookery_schemas::ids::RoomId(Uuid::nil()),
            peer: rookery_schemas::ids::PeerId(Uuid::nil()),
            attachment: rookery_schemas::ids::Attachment(attachment),
        };
        let first = sockets.hold(seat(1));
        let second = sockets.hold(seat(2));
        drop(first);
        assert_eq!(sockets.renewal().seats, [seat(2)]);
        drop(second);
        assert_eq!(sockets.renewal().seats, []);
    }
}
