//! A recorded camera: VP8 frames of an IVF file, for receivers that decode what they get.
//!
//! **Invariant:** the first frame of a clip is a key frame, and so is every frame that playing begins with.

use thiserror::Error;

/// An IVF file's header and each frame's: <https://wiki.multimedia.cx/index.php/IVF>.
const FILE_HEAD_BYTES: usize = 32;
const FRAME_HEAD_BYTES: usize = 12;
/// RFC 6386 section 9.1: the first bit of a frame is 0 in key frames.
const INTER: u8 = 0x01;
/// What a frame may take of a fan-out of packets; a camera's takes some 20 kB.
const FRAME_BYTES_MAX: usize = 128 * 1024;

/// Why a file is no clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClipError {
    /// Not an IVF file of VP8.
    #[error("this is no IVF file of VP8")]
    Format,
    /// It has no frame, or begins with one that needs another before it.
    #[error("the clip does not begin with a key frame")]
    NoKey,
    /// A frame is cut off.
    #[error("frame {0} is cut off")]
    Short(usize),
    /// A frame is larger than any camera's.
    #[error("frame {0} has more than 131072 bytes")]
    Large(usize),
}

/// Frames to be sent over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    frames: Vec<Vec<u8>>,
    keys: Vec<usize>,
}

impl Clip {
    /// Reads an IVF file.
    ///
    /// # Errors
    ///
    /// [`ClipError`] says what is wrong with it.
    pub fn read(file: &[u8]) -> Result<Self, ClipError> {
        let (head, mut rest) = file.split_at_checked(FILE_HEAD_BYTES).ok_or(ClipError::Format)?;
        if head.get(..4) != Some(b"DKIF".as_slice()) || head.get(8..12) != Some(b"VP80".as_slice()) {
            return Err(ClipError::Format);
        }
        let mut frames = Vec::new();
        while let Some((head, after)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>() {
            let [a, b, c, d, ..] = *head;
            let bytes = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
            if bytes > FRAME_BYTES_MAX {
                return Err(ClipError::Large(frames.len()));
            }
            let (frame, after) = after.split_at_checked(bytes).ok_or(ClipError::Short(frames.len()))?;
            frames.push(frame.to_vec());
            rest = after;
        }
        let keys: Vec<usize> = (0..frames.len()).filter(|&at| frames.get(at).is_some_and(|f| is_key(f))).collect();
        if keys.first() == Some(&0) { Ok(Self { frames, keys }) } else { Err(ClipError::NoKey) }
    }

    /// Keeps it for as long as the process lasts, so that tracks can be described by plain values.
    #[must_use]
    pub fn keep(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// The frame at `place` and whether it is a key frame; the clip begins anew behind its end.
    #[must_use]
    pub fn frame(&self, place: usize) -> (&[u8], bool) {
        let frame = self.frames.get(place % self.frames.len()).map_or([].as_slice(), Vec::as_slice);
        (frame, is_key(frame))
    }

    /// The place of the next key frame at or behind `place`.
    #[must_use]
    pub fn key_from(&self, place: usize) -> usize {
        let within = place % self.frames.len();
        let begins = place - within;
        let next = self.keys.iter().find(|&&key| key >= within);
        next.map_or(begins + self.frames.len(), |key| begins + key)
    }
}

fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & INTER == 0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file whose frames are key frames where said, each of its number of bytes.
    pub(crate) fn file(frames: &[(bool, usize)]) -> Vec<u8> {
        let mut file = b"DKIF\0\0\x20\0VP80".to_vec();
        file.resize(FILE_HEAD_BYTES, 0);
        for (key, bytes) in frames {
            file.extend(u32::try_from(*bytes).unwrap().to_le_bytes());
            file.extend([0; 8]);
            file.extend(vec![u8::from(!key); *bytes]);
        }
        file
    }

    #[test]
    fn frames_come_in_their_order_and_over_again() {
        let clip = Clip::read(&file(&[(true, 5), (false, 2), (false, 3), (true, 7)])).unwrap();
        let sizes: Vec<(usize, bool)> = (0..6).map(|place| clip.frame(place)).map(|(f, key)| (f.len(), key)).collect();
        assert_eq!(sizes, [(5, true), (2, false), (3, false), (7, true), (5, true), (2, false)]);
        let keys: Vec<usize> = [0, 1, 3, 4, 5, 7, 8].map(|place| clip.key_from(place)).to_vec();
        assert_eq!(keys, [0, 3, 3, 4, 7, 7, 8]);
    }

    #[test]
    fn what_is_no_clip_is_refused() {
        assert_eq!(Clip::read(b"DKIF"), Err(ClipError::Format));
        assert_eq!(Clip::read(&[0; 64]), Err(ClipError::Format));
        assert_eq!(Clip::read(&file(&[])), Err(ClipError::NoKey));
        assert_eq!(Clip::read(&file(&[(false, 4), (true, 4)])), Err(ClipError::NoKey));
        let whole = file(&[(true, 4), (false, 9)]);
        assert_eq!(Clip::read(&whole[..whole.len() - 1]), Err(ClipError::Short(1)));
        assert_eq!(Clip::read(&file(&[(true, FRAME_BYTES_MAX + 1)])), Err(ClipError::Large(0)));
    }
}
