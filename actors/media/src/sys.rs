//! Batched socket calls, wake-ups and pinning: what the standard library has no words for.
//!
//! The only file of the workspace with `unsafe`. Every block says why it is sound.
//!
//! **Invariant:** no pointer outlives the call that it is made for.
#![allow(unsafe_code)]

use std::{
    io,
    mem::{self, MaybeUninit},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
    time::Duration,
};

use crate::batch::{BATCH_MESSAGES, Batch, Message};

/// Datagrams taken by one call.
pub(crate) const RECEIVE_MAX: usize = 64;
/// Bytes of a datagram that are kept; longer ones are dropped. Media stays below 1,500.
pub(crate) const DATAGRAM_MAX: usize = 2_048;

type Name = libc::sockaddr_storage;
/// Room for one control message with a `u16` (CMSG_SPACE(2) is 24), aligned as `cmsghdr` must be.
type Control = [u64; 4];

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(mem::size_of::<T>()).unwrap_or(0)
}

fn option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the pointer is to a live c_int, and the length says so.
    check(unsafe { libc::setsockopt(fd, level, name, ptr::from_ref(&value).cast(), length_of::<libc::c_int>()) })
        .map(drop)
}

/// Binds a non-blocking UDP socket. An IPv6 socket takes IPv6 only, so that both families may share a port number.
pub(crate) fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: takes plain integers; the result is checked before it is owned.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) })?;
    // SAFETY: `fd` was just made and has no other owner.
    let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    if address.is_ipv6() {
        option(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    let bytes = libc::c_int::try_from(buffer_bytes).unwrap_or(libc::c_int::MAX);
    // The system clamps these to its own limit; less than wished is no error.
    option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes)?;
    option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes)?;
    let (name, length) = name_of(address);
    // SAFETY: `name` is a live sockaddr_storage of which the first `length` bytes are an address of `family`.
    check(unsafe { libc::bind(fd, ptr::from_ref(&name).cast(), length) })?;
    Ok(socket)
}

/// An address family as address structures have it.
fn family(value: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(value).unwrap_or(0)
}

/// The system's form of an address, and its length.
fn name_of(address: SocketAddr) -> (Name, libc::socklen_t) {
    // SAFETY: sockaddr_storage is plain integers; all zeros is a valid value of it.
    let mut name: Name = unsafe { mem::zeroed() };
    let length = match address {
        SocketAddr::V4(v4) => {
            let value = libc::sockaddr_in {
                sin_family: family(libc::AF_INET),
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in and aligned for every address type.
            unsafe { ptr::from_mut(&mut name).cast::<libc::sockaddr_in>().write(value) };
            length_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let value = libc::sockaddr_in6 {
                sin6_family: family(libc::AF_INET6),
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in6 and aligned for every address type.
            unsafe { ptr::from_mut(&mut name).cast::<libc::sockaddr_in6>().write(value) };
            length_of::<libc::sockaddr_in6>()
        }
    };
    (name, length)
}

fn address_of(name: &Name) -> Option<SocketAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in here; size and alignment are sufficient.
            let v4 = unsafe { ptr::from_ref(name).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the kernel wrote a sockaddr_in6 here; size and alignment are sufficient.
            let v6 = unsafe { ptr::from_ref(name).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// Buffers for one batched receive, made once.
pub(crate) struct Receiver {
    buffers: Box<[[u8; DATAGRAM_MAX]]>,
    names: Box<[Name]>,
    lengths: [usize; RECEIVE_MAX],
}

impl Receiver {
    pub(crate) fn new() -> Self {
        // SAFETY: sockaddr_storage is plain integers; all zeros is a valid value of it.
        let name: Name = unsafe { mem::zeroed() };
        Self {
            buffers: vec![[0; DATAGRAM_MAX]; RECEIVE_MAX].into_boxed_slice(),
            names: vec![name; RECEIVE_MAX].into_boxed_slice(),
            lengths: [0; RECEIVE_MAX],
        }
    }

    /// Takes what has arrived, at most [`RECEIVE_MAX`] datagrams, without waiting. Returns how many.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> usize {
        // SAFETY: iovec and mmsghdr are plain integers and pointers; all zeros is a valid value of both.
        let (mut vectors, mut headers): ([libc::iovec; RECEIVE_MAX], [libc::mmsghdr; RECEIVE_MAX]) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let parts = self.buffers.iter_mut().zip(self.names.iter_mut()).zip(vectors.iter_mut());
        for (((buffer, name), vector), header) in parts.zip(headers.iter_mut()) {
            vector.iov_base = buffer.as_mut_ptr().cast();
            vector.iov_len = DATAGRAM_MAX;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = length_of::<Name>();
        }
        let (fd, wanted) = (socket.as_raw_fd(), libc::c_uint::try_from(RECEIVE_MAX).unwrap_or(0));
        // SAFETY: each header points to one live iovec and name, each iovec to a live buffer of the length it states;
        // all of them outlive the call and are borrowed mutably by this function alone.
        let taken = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), wanted, libc::MSG_DONTWAIT, ptr::null_mut()) };
        let taken = usize::try_from(taken).unwrap_or(0);
        for (length, header) in self.lengths.iter_mut().zip(&headers).take(taken) {
            let cut = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            *length = if cut { 0 } else { usize::try_from(header.msg_len).unwrap_or(0) };
        }
        taken
    }

    /// The datagram at `at` of the last batch and its source; an oversized one is empty.
    pub(crate) fn datagram(&mut self, at: usize) -> Option<(SocketAddr, &mut [u8])> {
        let source = address_of(self.names.get(at)?)?;
        let length = *self.lengths.get(at)?;
        Some((source, self.buffers.get_mut(at)?.get_mut(..length)?))
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendReport {
    /// Messages that the system would not take.
    pub(crate) errors: u64,
}

/// Sends batches by segmentation offload, and without it where the system has none.
pub(crate) struct Sender {
    segmentation: bool,
}

/// How long a full send buffer is waited for before datagrams are dropped: a few of them drain in that time.
const SEND_WAIT: Duration = Duration::from_millis(2);

impl Sender {
    pub(crate) fn new() -> Self {
        Self { segmentation: true }
    }

    /// Sends all messages. `sockets` are indexed by the messages' local end.
    pub(crate) fn send(&mut self, sockets: &[UdpSocket], batch: &Batch) -> SendReport {
        let mut report = SendReport::default();
        for run in batch.messages().chunk_by(|a, b| a.to.local == b.to.local) {
            let Some(socket) = run.first().and_then(|m| sockets.get(usize::from(m.to.local.0))) else { continue };
            for chunk in run.chunks(BATCH_MESSAGES) {
                self.send_chunk(socket, batch, chunk, &mut report);
            }
        }
        report
    }

    fn send_chunk(&mut self, socket: &UdpSocket, batch: &Batch, messages: &[Message], report: &mut SendReport) {
        let (mut rest, mut waited) = (messages, false);
        while let Some(first) = rest.first() {
            if !self.segmentation && first.packets() > 1 {
                send_singly(socket, batch, first, report);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let error = match send_many(socket, batch, rest) {
                Ok(sent) => {
                    rest = rest.get(sent.max(1)..).unwrap_or_default();
                    continue;
                }
                Err(error) => error,
            };
            if error.kind() == io::ErrorKind::WouldBlock && !waited {
                waited = true;
                wait(&[(socket.as_raw_fd(), libc::POLLOUT)], Some(SEND_WAIT));
                continue;
            }
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            if first.packets() > 1 && error.kind() != io::ErrorKind::WouldBlock {
                // EIO: this interface cannot do it, ever. EINVAL, EMSGSIZE: not with this path's packet size.
                self.segmentation &= error.raw_os_error() != Some(libc::EIO);
                send_singly(socket, batch, first, report);
            } else {
                report.errors += 1;
            }
            rest = rest.get(1..).unwrap_or_default();
        }
    }
}

fn send_singly(socket: &UdpSocket, batch: &Batch, message: &Message, report: &mut SendReport) {
    for packet in batch.bytes(message).chunks(usize::from(message.segment).max(1)) {
        report.errors += u64::from(socket.send_to(packet, message.to.remote).is_err());
    }
}

/// One `sendmmsg`. Returns how many messages were taken, at least one.
fn send_many(socket: &UdpSocket, batch: &Batch, messages: &[Message]) -> io::Result<usize> {
    let mut names: [MaybeUninit<Name>; BATCH_MESSAGES] = [const { MaybeUninit::uninit() }; BATCH_MESSAGES];
    let mut controls: [Control; BATCH_MESSAGES] = [[0; 4]; BATCH_MESSAGES];
    // SAFETY: iovec and mmsghdr are plain integers and pointers; all zeros is a valid value of both.
    let (mut vectors, mut headers): ([libc::iovec; BATCH_MESSAGES], [libc::mmsghdr; BATCH_MESSAGES]) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    let parts = names.iter_mut().zip(&mut controls).zip(&mut vectors).zip(&mut headers);
    for ((((name, control), vector), header), message) in parts.zip(messages) {
        let bytes = batch.bytes(message);
        let (value, length) = name_of(message.to.remote);
        vector.iov_base = bytes.as_ptr().cast_mut().cast();
        vector.iov_len = bytes.len();
        let header = &mut header.msg_hdr;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        header.msg_name = ptr::from_mut(name.write(value)).cast();
        header.msg_namelen = length;
        if message.packets() > 1 {
            header.msg_control = control.as_mut_ptr().cast();
            // SAFETY: CMSG_SPACE and CMSG_LEN only compute. `msg_control` is zeroed, aligned and as long as
            // `msg_controllen` says (24 of 32 bytes), so the first header and two bytes of data lie within it.
            unsafe {
                header.msg_controllen = libc::CMSG_SPACE(2) as _;
                let first = libc::CMSG_FIRSTHDR(header);
                (*first).cmsg_level = libc::SOL_UDP;
                (*first).cmsg_type = libc::UDP_SEGMENT;
                (*first).cmsg_len = libc::CMSG_LEN(2) as _;
                libc::CMSG_DATA(first).cast::<u16>().write_unaligned(message.segment);
            }
        }
    }
    let count = libc::c_uint::try_from(messages.len().min(BATCH_MESSAGES)).unwrap_or(0);
    // SAFETY: the first `count` headers were filled above; what they point to outlives the call. The kernel only reads
    // the buffers, so the cast to a mutable pointer is never used as one.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    check(sent).map(|sent| usize::try_from(sent).unwrap_or(0))
}

/// Wakes a worker that waits for its sockets.
#[derive(Debug)]
pub(crate) struct Wake(OwnedFd);

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes plain integers; the result is checked before it is owned.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: `fd` was just made and has no other owner.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Wakes the worker. A counter at its limit is a worker that will wake anyway.
    pub(crate) fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight live bytes, as an eventfd wants.
        let _ = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Takes all signals.
    pub(crate) fn drain(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight live bytes, as an eventfd wants.
        let _ = unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Descriptors that one [`wait`] takes: all sockets of a worker and its wake-up.
pub(crate) const WAIT_MAX: usize = crate::config::ADDRESSES_MAX + 1;

/// Waits until one of the descriptors is ready for its events, or the time is over; `None` is for ever.
pub(crate) fn wait(on: &[(RawFd, libc::c_short)], timeout: Option<Duration>) {
    let mut entries = [libc::pollfd { fd: -1, events: 0, revents: 0 }; WAIT_MAX];
    for (entry, (fd, events)) in entries.iter_mut().zip(on) {
        *entry = libc::pollfd { fd: *fd, events: *events, revents: 0 };
    }
    let time = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos()),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    let count = libc::nfds_t::try_from(on.len().min(WAIT_MAX)).unwrap_or(0);
    // SAFETY: `entries` has at least `count` live elements; `time` is null or points to a live timespec.
    let _ = unsafe { libc::ppoll(entries.as_mut_ptr(), count, time, ptr::null()) };
}

/// Keeps the calling thread on one core (modulo their number), and lets its short waits end on time.
pub(crate) fn settle(core: Option<usize>) {
    // SAFETY: takes plain integers; 1 us instead of the default 50 us of timer slack for this thread.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000 as libc::c_ulong, 0, 0, 0) };
    let Some(core) = core else { return };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // SAFETY: cpu_set_t is plain integers; CPU_SET writes only within it, since the index is below CPU_SETSIZE; 0 is
    // the calling thread.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET((core % cores).min(libc::CPU_SETSIZE as usize - 1), &mut set);
        let _ = libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &set);
    }
}
