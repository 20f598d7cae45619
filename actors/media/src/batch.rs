//! Datagrams on their way out, collected so that many leave by one system call.
//!
//! Consecutive packets of one size to one address become one message, which the kernel cuts again (UDP_SEGMENT). All
//! bytes lie in one arena that is reused: in the steady state nothing is allocated.
//!
//! **Invariant:** a message has 1 to [`SEGMENTS_MAX`] packets and at most [`MESSAGE_BYTES_MAX`] bytes; all packets but
//! its last are of its segment size, and the last is not longer.

use std::ops::Range;

use crate::link::Path;

/// Packets of one message: the kernel's UDP_MAX_SEGMENTS.
pub const SEGMENTS_MAX: usize = 64;
/// Bytes of one message: a UDP datagram's limit over IPv6, with room for headers.
pub const MESSAGE_BYTES_MAX: usize = 65_000;
/// Bytes after which a batch should leave: about what a core's second cache keeps until the kernel copies it.
pub(crate) const BATCH_BYTES: usize = 256 << 10;
/// Messages after which a batch should leave: the most that one system call takes here.
pub(crate) const BATCH_MESSAGES: usize = 64;

/// Takes finished batches: the socket, or a test's network.
pub trait Transmit {
    /// Sends all messages of `batch`.
    fn transmit(&mut self, batch: &Batch);
}

/// One message: packets of one size to one address.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Where it goes.
    pub to: Path,
    /// Bytes of each packet but the last.
    pub segment: u16,
    start: usize,
    length: usize,
}

impl Message {
    /// How many packets it has.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.length.div_ceil(usize::from(self.segment).max(1))
    }

    fn range(&self) -> Range<usize> {
        self.start..self.start + self.length
    }
}

/// Datagrams on their way out.
#[derive(Debug)]
pub struct Batch {
    arena: Vec<u8>,
    messages: Vec<Message>,
    /// Whether the last message may grow.
    open: bool,
}

impl Default for Batch {
    fn default() -> Self {
        let arena = Vec::with_capacity(2 * BATCH_BYTES);
        Self { arena, messages: Vec::with_capacity(2 * BATCH_MESSAGES), open: false }
    }
}

impl Batch {
    /// All messages, in order.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// A message's bytes, packet behind packet.
    #[must_use]
    pub fn bytes(&self, message: &Message) -> &[u8] {
        self.arena.get(message.range()).unwrap_or_default()
    }

    /// Where the next packet begins; write it behind with [`Batch::space`], then say [`Batch::push`].
    pub(crate) fn mark(&self) -> usize {
        self.arena.len()
    }

    /// The bytes being written. Only what lies behind the last mark may be touched.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    /// Takes back what was written behind a mark.
    pub(crate) fn cancel(&mut self, mark: usize) {
        self.arena.truncate(mark);
    }

    /// Makes what was written behind `mark` a packet. Empty and oversized packets are taken back.
    pub(crate) fn push(&mut self, mark: usize, to: Path) {
        let length = self.arena.len().saturating_sub(mark);
        let Some(size) = u16::try_from(length).ok().filter(|_| (1..=MESSAGE_BYTES_MAX).contains(&length)) else {
            self.cancel(mark);
            return;
        };
        if self.open
            && let Some(last) = self.messages.last_mut()
            && last.to == to
            && size <= last.segment
            && last.length + length <= MESSAGE_BYTES_MAX
            && last.packets() < SEGMENTS_MAX
        {
            last.length += length;
            self.open = size == last.segment;
            return;
        }
        self.messages.push(Message { to, segment: size, start: mark, length });
        self.open = true;
    }

    /// Whether it is time to send.
    pub(crate) fn full(&self) -> bool {
        self.arena.len() >= BATCH_BYTES || self.messages.len() >= BATCH_MESSAGES
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Forgets everything that was sent; memory is kept.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        // A burst of retransmissions may have grown it; such memory is not kept.
        self.arena.shrink_to(8 * BATCH_BYTES);
        self.messages.clear();
        self.open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Local;

    fn path(port: u16) -> Path {
        Path { local: Local(0), remote: ([127, 0, 0, 1], port).into() }
    }

    fn batch(packets: &[(u16, usize)]) -> Vec<(u16, usize, u16)> {
        let mut batch = Batch::default();
        for (port, size) in packets {
            let mark = batch.mark();
            batch.space().resize(mark + size, 7);
            batch.push(mark, path(*port));
        }
        batch.messages().iter().map(|m| (m.to.remote.port(), m.packets(), m.segment)).collect()
    }

    #[test]
    fn equal_sizes_to_one_address_are_one_message() {
        let mut packets = vec![(1, 100), (1, 100), (1, 100), (2, 100), (2, 100), (1, 100)];
        assert_eq!(batch(&packets), [(1, 3, 100), (2, 2, 100), (1, 1, 100)]);
        packets.push((1, 40));
        packets.push((1, 40));
        assert_eq!(batch(&packets)[2..], [(1, 2, 100), (1, 1, 40)], "a shorter packet is a message's last");
        assert_eq!(batch(&[(1, 40), (1, 100)]), [(1, 1, 40), (1, 1, 100)], "a longer one begins the next");
    }

    #[test]
    fn messages_are_bounded() {
        assert_eq!(batch(&[(1, 10); 130]), [(1, 64, 10), (1, 64, 10), (1, 2, 10)]);
        assert_eq!(batch(&[(1, 1_200); 60]), [(1, 54, 1_200), (1, 6, 1_200)]);
        assert_eq!(batch(&[(1, 0), (1, 65_001)]), []);
    }
}
