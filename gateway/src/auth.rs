//! Who someone is: passwords, devices, sessions.
//!
//! **Invariant:** no password, token or cookie is logged or kept in plain.

pub(crate) mod cookies;
pub(crate) mod device;
pub(crate) mod freshness;
pub(crate) mod hashing;
pub(crate) mod identity;
pub(crate) mod lockout;
pub(crate) mod names;
pub(crate) mod passwords;
pub(crate) mod session;

pub use hashing::HashError;
