//! How much of a processor a process has used, all its threads together.
//!
//! **Invariant:** user and system time of the whole process, threads that have ended included, to the nanosecond.

use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Since the process began.
pub(crate) fn used(process: u32) -> anyhow::Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(process)?))?;
    Ok(clock_gettime(clock)?.into())
}

/// By this process itself.
pub(crate) fn used_here() -> anyhow::Result<Duration> {
    used(std::process::id())
}
