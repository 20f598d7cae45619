//! As much of STUN (RFC 8489) as routing needs: which datagrams are STUN, whose they are, and a plain answer.
//!
//! Message integrity is the ICE library's to check; nothing here proves anything.
//!
//! **Invariant:** reads only within the slice that it is given.

use std::net::SocketAddr;

use crate::bits::{be16, be32};

/// Bytes of a STUN header.
pub(crate) const HEADER: usize = 20;
/// Bytes of [`answer`] at the most (IPv6).
pub(crate) const ANSWER_MAX: usize = HEADER + 4 + 20;

const COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const USE_CANDIDATE: u16 = 0x0025;

/// Identifies a request and its response.
pub(crate) type Transaction = [u8; 12];

/// What a STUN message is, as far as routing cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BindingRequest,
    BindingSuccess,
    Other,
}

/// A well-formed STUN message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: Kind,
    pub(crate) transaction: Transaction,
    attributes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a header and checks the length that it states.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (kind, length) = (be16(datagram, 0)?, usize::from(be16(datagram, 2)?));
        let attributes = datagram.get(HEADER..)?;
        if be32(datagram, 4)? != COOKIE || kind & 0xC000 != 0 || length != attributes.len() || length % 4 != 0 {
            return None;
        }
        let kind = match kind {
            BINDING_REQUEST => Kind::BindingRequest,
            BINDING_SUCCESS => Kind::BindingSuccess,
            _ => Kind::Other,
        };
        Some(Self { kind, transaction: *datagram.get(8..)?.first_chunk()?, attributes })
    }

    fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.attributes;
        loop {
            let (kind, length) = (be16(rest, 0)?, usize::from(be16(rest, 2)?));
            if kind == wanted {
                return rest.get(4..4 + length);
            }
            rest = rest.get(4 + length.next_multiple_of(4)..)?;
        }
    }

    /// Our ufrag: USERNAME is "ours:theirs".
    pub(crate) fn ufrag(&self) -> Option<&'a [u8]> {
        self.attribute(USERNAME)?.split(|byte| *byte == b':').next()
    }

    /// Whether the sender nominates this pair.
    pub(crate) fn nominates(&self) -> bool {
        self.attribute(USE_CANDIDATE).is_some()
    }
}

/// A success response that says where the request came from, and nothing else. Returns its length.
pub(crate) fn answer(buffer: &mut [u8; ANSWER_MAX], transaction: &Transaction, from: SocketAddr) -> usize {
    let cookie = COOKIE.to_be_bytes();
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&cookie);
    mask[4..].copy_from_slice(transaction);
    let mut value = [0; 20];
    let length: u16 = match from.ip().to_canonical() {
        std::net::IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&ip.octets());
            8
        }
        std::net::IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..].copy_from_slice(&ip.octets());
            20
        }
    };
    value[2..4].copy_from_slice(&from.port().to_be_bytes());
    value[2] ^= cookie[0];
    value[3] ^= cookie[1];
    for (byte, mask) in value[4..].iter_mut().zip(mask) {
        *byte ^= mask;
    }
    buffer[..2].copy_from_slice(&BINDING_SUCCESS.to_be_bytes());
    buffer[2..4].copy_from_slice(&(4 + length).to_be_bytes());
    buffer[4..8].copy_from_slice(&cookie);
    buffer[8..20].copy_from_slice(transaction);
    buffer[20..22].copy_from_slice(&XOR_MAPPED_ADDRESS.to_be_bytes());
    buffer[22..24].copy_from_slice(&length.to_be_bytes());
    buffer[24..].copy_from_slice(&value);
    HEADER + 4 + usize::from(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 2.1: a request with USERNAME "evtj:h6vY" and more.
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
                           002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
                           000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    /// RFC 5769 2.2: its answer over IPv4 begins with SOFTWARE, then XOR-MAPPED-ADDRESS 192.0.2.1:32853.
    const MAPPED: &str = "002000080001a147e112a643";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn the_ufrag_of_a_request_is_found() {
        let request = bytes(REQUEST);
        let message = Message::parse(&request).unwrap();
        assert_eq!((message.kind, message.ufrag()), (Kind::BindingRequest, Some(&b"evtj"[..])));
        assert!(!message.nominates());
    }

    #[test]
    fn an_answer_is_as_rfc_5769_has_it() {
        let transaction = *bytes(REQUEST)[8..].first_chunk().unwrap();
        let mut buffer = [0; ANSWER_MAX];
        let length = answer(&mut buffer, &transaction, "192.0.2.1:32853".parse().unwrap());
        assert_eq!(buffer[HEADER..length], bytes(MAPPED));
        let message = Message::parse(&buffer[..length]).unwrap();
        assert_eq!((message.kind, message.transaction), (Kind::BindingSuccess, transaction));
        // 2.3: [2001:db8:1234:5678:11:2233:4455:6677]:32853
        let length = answer(&mut buffer, &transaction, "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap());
        assert_eq!(buffer[HEADER..length], bytes("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"));
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_survived() {
        let request = bytes(REQUEST);
        for length in 0..request.len() {
            assert!(Message::parse(&request[..length]).is_none(), "{length} bytes");
        }
        for at in 0..request.len() {
            let mut broken = request.clone();
            broken[at] ^= 0xFF;
            if let Some(message) = Message::parse(&broken) {
                let _ = (message.ufrag(), message.nominates());
            }
        }
    }
}
