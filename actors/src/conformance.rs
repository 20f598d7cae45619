//! The promises of the seams as test cases, the same for every implementation of one.
//!
//! A test file names an implementation once and gets a test for each case:
//!
//! ```text
//! async fn open() -> Opened<dyn Bus, ()> {
//!     Ok((Arc::new(MemoryBus::new()), ()))
//! }
//!
//! rookery_actors::bus_conformance!(tokio::test(start_paused = true), open());
//! ```
//!
//! Cases use names and ids of their own, so that all may run against one server at the same time.
//!
//! **Invariant:** a case asks for nothing that the seam's documentation does not promise.

#![allow(clippy::indexing_slicing, reason = "a case that indexes wrongly fails, as it should")]

pub mod bus;
pub mod media;
pub mod store;

/// What a case returns: the first error that should not have been.
pub type Outcome = Result<(), Unexpected>;

/// An error that should not have been.
pub type Unexpected = Box<dyn std::error::Error + Send + Sync>;

/// An implementation, and whatever must live as long as it (a folder, a server).
pub type Opened<T, Kept> = Result<(std::sync::Arc<T>, Kept), Unexpected>;

/// Makes a test of each named case of a suite. Used by the suites' own macros.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($test:meta, $open:expr, $suite:ident; $($group:ident :: { $($case:ident),* $(,)? })*) => {
        $($(
            #[$test]
            async fn $case() -> $crate::conformance::Outcome {
                let (implementation, _kept) = $open.await?;
                $crate::conformance::$suite::$group::$case(&implementation).await
            }
        )*)*
    };
}
