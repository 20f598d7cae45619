//! A track that makes itself: when its next frame is due, and the packets of it.
//!
//! **Invariant:** frames are numbered without holes and RTP times follow the frames' schedule, not the machine's delays.

use std::time::{Duration, Instant};

use rookery_schemas::signal::{Codec, MediaKind, SourceKind};

use crate::clip::Clip;
use crate::clock;
use crate::payload::{self, FRAME_PACKETS_MAX, Frame, PAYLOAD_BYTES_MAX};
use crate::stamp::{Origin, Stamp};

/// Behind by more than this, frames are left out rather than sent in a burst that no camera would make.
const BEHIND_MAX: Duration = Duration::from_millis(250);
/// Opus packets of 20 ms.
const AUDIO_RATE: u64 = 50;
const SECOND_NS: u64 = 1_000_000_000;

/// What is to be sent on one track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrackSpec {
    /// Sound.
    Audio(AudioSpec),
    /// Pictures.
    Video(VideoSpec),
}

/// A voice: 50 Opus packets a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AudioSpec {
    /// Where it says it comes from.
    pub source: SourceKind,
    /// Bytes of each payload; 60 to 160 are usual (24 to 64 kbit/s).
    pub bytes: usize,
    /// RFC 6464 level in dBov, -127 (silence) to 0 (loudest).
    pub level_dbov: i8,
}

/// A camera or a screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoSpec {
    /// Where it says it comes from.
    pub source: SourceKind,
    /// How it is coded.
    pub codec: Codec,
    /// Frames a second, 1 to 120.
    pub fps: u32,
    /// Packets of each frame, 1 to 128.
    pub packets: u16,
    /// Fewer than that, 1 to 128: each frame then has another number between the two, all of them equally often.
    pub packets_least: Option<u16>,
    /// Bytes of each payload.
    pub bytes: usize,
    /// A key frame every so many frames besides those asked for; 0: only the first and those asked for.
    pub key_every: u32,
    /// Packets of a frame differ by a byte, as an encoder's do.
    pub uneven: bool,
    /// Real VP8 frames to send instead, without stamps; `codec`, `packets`, `bytes` and `key_every` mean nothing then.
    pub clip: Option<&'static Clip>,
}

impl Default for AudioSpec {
    fn default() -> Self {
        Self { source: SourceKind::Microphone, bytes: 100, level_dbov: -30 }
    }
}

impl Default for VideoSpec {
    /// 1 Mbit/s at 15 frames a second.
    fn default() -> Self {
        Self {
            source: SourceKind::Camera,
            codec: Codec::Vp8,
            fps: 15,
            packets: 8,
            packets_least: None,
            bytes: 1_050,
            key_every: 0,
            uneven: true,
            clip: None,
        }
    }
}

impl VideoSpec {
    /// How many packets a frame has, by its number.
    fn packets_of(&self, frame: u32) -> u16 {
        let most = self.packets.clamp(1, FRAME_PACKETS_MAX);
        let least = self.packets_least.unwrap_or(most).clamp(1, most);
        // A large odd step: neighbours differ by much, as an encoder's frames do.
        let turn = frame.wrapping_mul(0x9e37_79b1) >> 16;
        least + u16::try_from(turn % u32::from(most - least + 1)).unwrap_or(0)
    }
}

impl TrackSpec {
    /// Sound or pictures.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
        }
    }

    /// Where it says it comes from.
    #[must_use]
    pub const fn source(&self) -> SourceKind {
        match self {
            Self::Audio(audio) => audio.source,
            Self::Video(video) => video.source,
        }
    }

    /// How it is coded.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match self {
            Self::Audio(_) => Codec::Opus,
            Self::Video(VideoSpec { clip: Some(_), .. }) => Codec::Vp8,
            Self::Video(video) => video.codec,
        }
    }

    /// Frames (sound: packets) a second.
    fn rate(&self) -> u64 {
        match self {
            Self::Audio(_) => AUDIO_RATE,
            Self::Video(video) => video.fps.clamp(1, 120).into(),
        }
    }
}

/// One packet to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The payload.
    pub bytes: Vec<u8>,
    /// The RTP marker bit.
    pub marker: bool,
    /// Extended sequence number.
    pub seq: u64,
    /// RTP time.
    pub time: u32,
}

/// A track that makes itself.
#[derive(Debug)]
pub struct Source {
    spec: TrackSpec,
    origin: Origin,
    started: Instant,
    // Steps since the start, frames left out included; RTP time follows it.
    step: u64,
    frame: u32,
    // Where in its clip it is.
    place: usize,
    seq: u64,
    key_wanted: bool,
    paused: bool,
    sent: SourceStats,
}

/// What a source has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Frames, or packets of sound.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes of RTP payload.
    pub bytes: u64,
    /// Frames left out because the generator itself came too late.
    pub skipped: u64,
    /// Key frames asked for by PLI or FIR.
    pub key_frames_asked: u64,
    /// By how much the latest frame was later than due, us: the generator's own lag.
    pub late_us_max: u64,
}

impl Source {
    /// Starts a track at `now`; its first frame is due at once.
    #[must_use]
    pub fn new(spec: TrackSpec, origin: Origin, now: Instant) -> Self {
        // Not 0, where many a bug hides, but within the first rollover (RFC 3711 section 3.3.1).
        let seq = 30_000 + u64::from(origin.track);
        let sent = SourceStats::default();
        // Many who send one clip show different moments of it.
        let place = usize::try_from(origin.sender % 1_024).unwrap_or_default();
        Self { spec, origin, started: now, step: 0, frame: 0, place, seq, key_wanted: true, paused: false, sent }
    }

    /// When the next frame is due; `None` while paused.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        (!self.paused).then(|| self.at(self.step))
    }

    /// What was made so far.
    #[must_use]
    pub fn stats(&self) -> SourceStats {
        self.sent
    }

    /// What is made.
    #[must_use]
    pub fn spec(&self) -> &TrackSpec {
        &self.spec
    }

    /// Makes the next frame a key frame, as a receiver asked for it.
    pub fn key_frame_asked(&mut self) {
        self.key_wanted = true;
        self.sent.key_frames_asked += 1;
    }

    /// Stops making frames, or goes on with a key frame.
    pub fn pause(&mut self, paused: bool, now: Instant) {
        if self.paused && !paused {
            self.skip_to(now);
            self.key_wanted = true;
        }
        self.paused = paused;
    }

    /// The frame that is due at `now`; nothing if none is.
    pub fn make(&mut self, now: Instant) -> Vec<Outgoing> {
        let Some(due) = self.due().filter(|due| *due <= now) else { return Vec::new() };
        let late = now.saturating_duration_since(due);
        self.sent.late_us_max = self.sent.late_us_max.max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
        if late > BEHIND_MAX {
            let before = self.step;
            self.skip_to(now);
            self.sent.skipped += self.step - before;
        }
        let packets = match self.spec {
            TrackSpec::Video(VideoSpec { clip: Some(clip), .. }) => self.next_recorded(clip, now),
            _ => payload::packetise(&self.next_frame(now)),
        };
        let time = self.rtp_time();
        self.step += 1;
        self.frame = self.frame.wrapping_add(1);
        self.sent.frames += 1;
        packets.into_iter().map(|packet| self.outgoing(packet, time)).collect()
    }

    fn outgoing(&mut self, packet: payload::Payload, time: u32) -> Outgoing {
        self.seq += 1;
        self.sent.packets += 1;
        self.sent.bytes += packet.bytes.len() as u64;
        Outgoing { bytes: packet.bytes, marker: packet.marker, seq: self.seq, time }
    }

    fn next_frame(&mut self, now: Instant) -> Frame {
        let (packets, bytes, uneven, key) = match &self.spec {
            TrackSpec::Audio(audio) => (1, audio.bytes, false, false),
            TrackSpec::Video(video) => {
                let regular = video.key_every > 0 && self.frame.is_multiple_of(video.key_every);
                let key = std::mem::take(&mut self.key_wanted) || regular;
                (video.packets_of(self.frame), video.bytes.min(PAYLOAD_BYTES_MAX), video.uneven, key)
            }
        };
        self.sent.key_frames += u64::from(key);
        let sent_us = clock::micros_of(now);
        let stamp = Stamp { origin: self.origin, frame: self.frame, index: 0, count: 1, key, sent_us };
        Frame { codec: self.spec.codec(), stamp, packets, bytes, uneven }
    }

    fn next_recorded(&mut self, clip: &Clip, now: Instant) -> Vec<payload::Payload> {
        if std::mem::take(&mut self.key_wanted) {
            self.place = clip.key_from(self.place);
        }
        let (recorded, key) = clip.frame(self.place);
        self.place += 1;
        self.sent.key_frames += u64::from(key);
        let sent_us = clock::micros_of(now);
        let stamp = Stamp { origin: self.origin, frame: self.frame, index: 0, count: 1, key, sent_us };
        payload::packetise_recorded(recorded, &stamp)
    }

    fn at(&self, step: u64) -> Instant {
        self.started + Duration::from_nanos(step.saturating_mul(SECOND_NS) / self.spec.rate())
    }

    fn skip_to(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.started).as_nanos();
        let step = elapsed * u128::from(self.spec.rate()) / u128::from(SECOND_NS);
        self.step = self.step.max(u64::try_from(step).unwrap_or(u64::MAX));
    }

    /// RFC 3550 time of the present step, which wraps; the offset keeps it off 0.
    #[expect(clippy::cast_possible_truncation, reason = "RTP time is the low 32 bits")]
    fn rtp_time(&self) -> u32 {
        const OFFSET: u64 = 0x7000_0000;
        match &self.spec {
            TrackSpec::Audio(_) => (OFFSET + self.step * 960) as u32,
            TrackSpec::Video(_) => (OFFSET + self.step * 90_000 / self.spec.rate()) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip;

    fn run(source: &mut Source, start: Instant, seconds: u64) -> Vec<Outgoing> {
        let end = start + Duration::from_secs(seconds);
        let mut made = Vec::new();
        while let Some(due) = source.due().filter(|due| *due < end) {
            made.extend(source.make(due));
        }
        made
    }

    #[test]
    fn rates_and_times_are_as_asked() {
        let now = clock::now();
        let mut audio = Source::new(TrackSpec::Audio(AudioSpec::default()), Origin::default(), now);
        let made = run(&mut audio, now, 2);
        assert_eq!(made.len(), 100);
        assert!(made.windows(2).all(|pair| pair[1].time.wrapping_sub(pair[0].time) == 960));
        assert!(made.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
        let spec = VideoSpec { fps: 30, packets: 3, ..VideoSpec::default() };
        let mut video = Source::new(TrackSpec::Video(spec), Origin::default(), now);
        let made = run(&mut video, now, 1);
        assert_eq!((made.len(), made.iter().filter(|packet| packet.marker).count()), (90, 30));
        assert_eq!(made[3].time.wrapping_sub(made[0].time), 3_000);
        assert_eq!(video.stats().key_frames, 1);
    }

    #[test]
    fn frames_of_many_sizes_have_each_size_equally_often() {
        let now = clock::now();
        let spec = VideoSpec { fps: 50, packets: 11, packets_least: Some(5), ..VideoSpec::default() };
        let mut source = Source::new(TrackSpec::Video(spec), Origin::default(), now);
        let made = run(&mut source, now, 70);
        let frames: Vec<usize> = made.chunk_by(|a, b| a.time == b.time).map(<[Outgoing]>::len).collect();
        assert_eq!(frames.len(), 3_500);
        for size in 5..=11 {
            let share = frames.iter().filter(|packets| **packets == size).count();
            assert!((450..=550).contains(&share), "{share} frames of {size} packets");
        }
    }

    #[test]
    fn a_key_frame_follows_when_asked_and_after_a_pause() {
        let now = clock::now();
        let mut source = Source::new(TrackSpec::Video(VideoSpec::default()), Origin::default(), now);
        run(&mut source, now, 1);
        source.key_frame_asked();
        run(&mut source, now, 2);
        assert_eq!((source.stats().key_frames, source.stats().key_frames_asked), (2, 1));
        source.pause(true, now);
        assert_eq!(source.due(), None);
        let later = now + Duration::from_secs(10);
        source.pause(false, later);
        assert_eq!(run(&mut source, now, 11).len(), 8 * 15);
        assert_eq!((source.stats().key_frames, source.stats().skipped), (3, 0));
    }

    #[test]
    fn a_clip_is_played_and_begins_with_a_key_frame_wherever_one_is_asked_for() {
        let now = clock::now();
        let clip =
            Clip::read(&clip::tests::file(&[(true, 2_000), (false, 10), (false, 20), (true, 30)])).unwrap().keep();
        let spec = VideoSpec { fps: 10, clip: Some(clip), ..VideoSpec::default() };
        let mut source = Source::new(TrackSpec::Video(spec), Origin { sender: 1, track: 1 }, now);
        let sizes = |made: Vec<Outgoing>| made.iter().map(|packet| packet.bytes.len() - 6).collect::<Vec<_>>();
        assert_eq!(sizes(run(&mut source, now, 1))[..4], [30, 1_140, 860, 10]);
        assert_eq!(source.stats().key_frames, 6);
        source.key_frame_asked();
        // The eleventh frame would be one of 10 bytes.
        assert_eq!(sizes(source.make(now + Duration::from_secs(1))), [30]);
        assert_eq!(source.spec().codec(), Codec::Vp8);
    }

    #[test]
    fn a_late_generator_leaves_frames_out_and_says_so() {
        let now = clock::now();
        let mut source = Source::new(TrackSpec::Video(VideoSpec::default()), Origin::default(), now);
        assert_eq!(source.make(now + Duration::from_secs(2)).len(), 8);
        assert_eq!(source.stats().skipped, 30);
        assert_eq!(source.stats().late_us_max, 2_000_000);
        assert!(source.make(now + Duration::from_secs(2)).is_empty());
    }
}
