//! SRTP and SRTCP: AEAD_AES_128_GCM (RFC 7714) and AES128_CM_HMAC_SHA1_80 (RFC 3711).
//!
//! [`Sealer`] owns everything that makes a nonce: for each outgoing SSRC a window of what it has sealed, and the index
//! of SRTCP. It lives as long as the DTLS association, whatever slots come and go above it.
//!
//! **Invariant:** a [`Sealer`] never uses a nonce twice: it refuses a (SSRC, extended sequence number) that it has
//! sealed, or one so old that it cannot tell.

mod cipher;
mod kdf;
mod window;

use rookery_schemas::signal::SrtpProfile;

use crate::bits::{be32, low32};
use cipher::Direction;
pub(crate) use cipher::TAG_MAX;
pub(crate) use window::{Refusal, Window};

/// Outgoing SSRCs of one association: 64 pairs of slots with their retransmissions, and as many that were replaced.
const STREAMS_MAX: usize = 512;
/// SSRCs whose SRTCP is told apart for replay protection. A browser uses one for each of its own streams.
const RTCP_SENDERS_MAX: usize = 64;
/// The last SRTCP index (RFC 3711 3.2.1): 31 bits. At 1,000 packets a second it lasts for 24 days.
const RTCP_INDEX_MAX: u32 = 0x7FFF_FFFF;
/// The last extended sequence number (RFC 3711 3.3.1): 48 bits.
const INDEX_MAX: u64 = (1 << 48) - 1;

/// Keys of one association, both ways.
pub(crate) struct Session {
    pub(crate) opener: Opener,
    pub(crate) sealer: Sealer,
}

impl Session {
    /// Derives the session keys. We are always the DTLS server: the client's keys open, ours seal.
    ///
    /// `material` is client key, server key, client salt, server salt (RFC 5764 4.2), perhaps with more behind.
    pub(crate) fn derive(material: &[u8], profile: SrtpProfile) -> Option<Self> {
        let salt = match profile {
            SrtpProfile::Gcm => cipher::GCM_SALT,
            SrtpProfile::Cm => cipher::CM_SALT,
        };
        let (keys, salts) = material.get(..2 * cipher::KEY + 2 * salt)?.split_at(2 * cipher::KEY);
        let (client, server) = (keys.split_at(cipher::KEY), salts.split_at(salt));
        Some(Self {
            opener: Opener { direction: Direction::derive(client.0, server.0, profile)?, rtcp: Vec::new() },
            sealer: Sealer {
                direction: Direction::derive(client.1, server.1, profile)?,
                streams: Vec::new(),
                rtcp_index: 0,
            },
        })
    }
}

/// Opens what the other side sealed. The replay window of each media stream is kept with the stream.
pub(crate) struct Opener {
    direction: Direction,
    rtcp: Vec<(u32, Window)>,
}

/// Why an SRTCP packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RtcpRefusal {
    Unauthentic,
    Replayed,
}

impl Opener {
    /// Opens an RTP packet in place. `header` is the length of everything before the payload, `index` the extended
    /// sequence number. Returns the payload's length.
    pub(crate) fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<usize> {
        self.direction.open_rtp(packet, header, ssrc, index)
    }

    /// Opens an RTCP packet in place and returns its plain length.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, RtcpRefusal> {
        let ssrc = be32(packet, 4).ok_or(RtcpRefusal::Unauthentic)?;
        let (length, index) = self.direction.open_rtcp(packet, ssrc).ok_or(RtcpRefusal::Unauthentic)?;
        let index = u64::from(index);
        let at = match self.rtcp.iter().position(|(sender, _)| *sender == ssrc) {
            Some(at) => at,
            None if self.rtcp.len() < RTCP_SENDERS_MAX => {
                self.rtcp.push((ssrc, Window::default()));
                self.rtcp.len() - 1
            }
            None => return Err(RtcpRefusal::Replayed),
        };
        let (_, window) = self.rtcp.get_mut(at).ok_or(RtcpRefusal::Replayed)?;
        window.take(index).map_err(|_| RtcpRefusal::Replayed)?;
        Ok(length)
    }
}

/// One outgoing SSRC of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey(u16);

struct Stream {
    ssrc: u32,
    window: Window,
}

/// Seals what we send. See the module's invariant.
pub(crate) struct Sealer {
    direction: Direction,
    streams: Vec<Stream>,
    rtcp_index: u32,
}

/// Why a packet was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealError {
    /// This nonce has been used, or may have been.
    Nonce(Refusal),
    /// The buffer has no room for the tag, or the packet is no packet.
    Shape,
}

impl Sealer {
    /// The stream of an SSRC, made when first asked for; none above the limit.
    pub(crate) fn stream(&mut self, ssrc: u32) -> Option<StreamKey> {
        let at = match self.streams.iter().position(|stream| stream.ssrc == ssrc) {
            Some(at) => at,
            None if self.streams.len() < STREAMS_MAX => {
                self.streams.push(Stream { ssrc, window: Window::default() });
                self.streams.len() - 1
            }
            None => return None,
        };
        u16::try_from(at).ok().map(StreamKey)
    }

    /// The highest extended sequence number that a stream has sealed.
    pub(crate) fn highest(&self, key: StreamKey) -> Option<u64> {
        self.streams.get(usize::from(key.0))?.window.highest()
    }

    /// Seals `packet[header..header + plain]` in place, writes the tag behind it and returns the whole length.
    /// The packet's SSRC must be the stream's; `index` is its extended sequence number.
    pub(crate) fn seal_rtp(
        &mut self,
        key: StreamKey,
        packet: &mut [u8],
        header: usize,
        plain: usize,
        index: u64,
    ) -> Result<usize, SealError> {
        let stream = self.streams.get_mut(usize::from(key.0)).ok_or(SealError::Shape)?;
        if be32(packet, 8) != Some(stream.ssrc)
            || index > INDEX_MAX
            || packet.len() < header + plain + self.direction.tag()
        {
            return Err(SealError::Shape);
        }
        stream.window.take(index).map_err(SealError::Nonce)?;
        self.direction.seal_rtp(packet, header, plain, stream.ssrc, index).ok_or(SealError::Shape)
    }

    /// Seals the RTCP packet that begins at `start` of `buffer` and ends with it; tag and index are appended.
    /// False, and the packet taken back, when the association's indices are used up.
    pub(crate) fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> bool {
        let sealed = self.rtcp_index < RTCP_INDEX_MAX && {
            self.rtcp_index += 1;
            self.direction.seal_rtcp(buffer, start, self.rtcp_index).is_some()
        };
        if !sealed {
            buffer.truncate(start);
        }
        sealed
    }
}

/// Guesses the extended sequence number (ROC << 16 | seq) next to the highest one seen (RFC 3711 3.3.1 and appendix A).
#[inline]
pub(crate) fn extend(highest: Option<u64>, seq: u16) -> Option<u64> {
    let Some(highest) = highest else { return Some(u64::from(seq)) };
    let ahead = seq.wrapping_sub(crate::bits::low16(highest));
    if ahead < 0x8000 { Some(highest + u64::from(ahead)) } else { highest.checked_sub(0x1_0000 - u64::from(ahead)) }
}

/// The rollover counter of an extended sequence number.
#[inline]
pub(crate) const fn rollover(index: u64) -> u32 {
    low32(index >> 16)
}

#[cfg(test)]
mod tests;
