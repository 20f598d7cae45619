//! What is written is read back, also by an independent decoder; what is malformed is survived.

use std::time::Duration;

use proptest::prelude::*;

use super::{transport_cc::Recorder, *};
use crate::{
    Now,
    bits::{be16, be24, be32},
};

fn ms(ms: u64) -> Now {
    Now::at(Duration::from_millis(ms))
}

#[test]
fn reports_and_requests_are_read_back() {
    let block = Block {
        ssrc: 5,
        fraction_lost: 128,
        lost: -3,
        highest: 0x1_0002,
        jitter: 9,
        last_report: 0xAABB_CCDD,
        delay: 65_536,
    };
    let mut out = Vec::new();
    receiver_report(&mut out, 1, &[block, Block { ssrc: 6, lost: 0x7FFF_FFFF, ..block }]);
    key_frame_request(&mut out, 1, 7);
    sender_report(&mut out, 8, 0x0102_0304_0506_0708, 99, 10, 20);
    assert_eq!(nack(&mut out, 1, 9, &[3, 4, 19, 20, 65_535, 0]), 6);
    let packets: Vec<_> = read(&out).collect();
    let [Packet::ReceiverReport { blocks }, pli, Packet::SenderReport { ssrc, ntp, timestamp, .. }, last] = packets[..]
    else {
        panic!("{packets:?}")
    };
    let blocks: Vec<_> = blocks.iter().collect();
    assert_eq!((blocks[0], blocks[1].lost), (block, 0x7F_FFFF));
    assert_eq!(pli, Packet::PictureLoss { media: 7 });
    assert_eq!((ssrc, ntp, timestamp), (8, 0x0102_0304_0506_0708, 99));
    let Packet::Nack { media: 9, entries } = last else { panic!("{last:?}") };
    assert_eq!(entries.len(), 3 * 4);
    assert_eq!(nacked(entries).collect::<Vec<_>>(), [3, 4, 19, 20, 65_535, 0]);
}

/// Numbers with their arrival in ticks of 250 us, missing ones with none; written from the draft's text alone.
fn decode(packet: &[u8]) -> (u16, Vec<Option<i64>>, u8) {
    assert_eq!((packet[0], packet[1]), (0x8F, 205));
    assert_eq!(usize::from(be16(packet, 2).unwrap()) * 4 + 4, packet.len());
    let (base, count) = (be16(packet, 12).unwrap(), usize::from(be16(packet, 14).unwrap()));
    let reference = i64::from(be24(packet, 16).unwrap());
    let mut symbols = Vec::new();
    let mut at = 20;
    while symbols.len() < count {
        let chunk = be16(packet, at).unwrap();
        at += 2;
        match chunk >> 14 {
            0 | 1 => symbols.extend(std::iter::repeat_n(chunk >> 13 & 3, usize::from(chunk & 0x1FFF))),
            2 => symbols.extend((0..14).map(|i| chunk >> (13 - i) & 1)),
            _ => symbols.extend((0..7).map(|i| chunk >> (12 - 2 * i) & 3)),
        }
    }
    symbols.truncate(count);
    let mut time = reference * 256;
    let arrivals = symbols
        .iter()
        .map(|symbol| {
            time += match symbol {
                0 => return None,
                1 => {
                    at += 1;
                    i64::from(packet[at - 1])
                }
                2 => {
                    at += 2;
                    i64::from(be16(packet, at - 2).unwrap().cast_signed())
                }
                other => panic!("reserved symbol {other}"),
            };
            Some(time)
        })
        .collect();
    assert!(packet.len() - at < 4, "only padding behind");
    (base, arrivals, packet[19])
}

#[test]
fn feedback_names_every_packet_of_its_range() {
    let mut recorder = Recorder::default();
    for (number, at) in [(65_534, 1_000), (65_535, 1_001), (2, 1_002), (1, 1_003), (3, 1_400), (3, 1_401)] {
        recorder.record(number, ms(at));
    }
    let mut out = Vec::new();
    assert!(recorder.report(&mut out, 1, 77));
    assert_eq!(be32(&out, 8), Some(77));
    let (base, arrivals, count) = decode(&out);
    assert_eq!((base, count), (65_534, 0));
    let ticks = |ms: i64| Some(ms * 4);
    assert_eq!(arrivals, [ticks(1_000), ticks(1_001), None, ticks(1_003), ticks(1_002), ticks(1_400)]);
    assert!(!recorder.report(&mut out, 1, 77), "nothing twice");
    // the next range begins behind, with what is missing in between; late ones are not told again
    recorder.record(0, ms(1_401));
    recorder.record(6, ms(1_402));
    out.clear();
    assert!(recorder.report(&mut out, 1, 77));
    let (base, arrivals, count) = decode(&out);
    assert_eq!((base, count, arrivals), (4, 1, vec![None, None, ticks(1_402)]));
}

#[test]
fn long_pauses_split_reports_and_jumps_begin_anew() {
    let mut recorder = Recorder::default();
    recorder.record(1, ms(1_000));
    recorder.record(2, ms(20_000));
    recorder.record(20_000, ms(20_001));
    let mut bases = Vec::new();
    loop {
        let mut out = Vec::new();
        if !recorder.report(&mut out, 1, 7) {
            break;
        }
        let (base, arrivals, _) = decode(&out);
        bases.push((base, arrivals.len()));
    }
    assert_eq!(bases, [(1, 1), (2, 1), (20_000, 1)]);
}

#[test]
fn the_report_count_wraps() {
    let mut recorder = Recorder::default();
    for number in 0..300u16 {
        recorder.record(number, ms(u64::from(number) * 20));
        assert!(recorder.report(&mut Vec::new(), 1, 7));
    }
    assert_eq!(recorder.count(), 44);
}

proptest! {
    /// Whatever is lost or reordered, the decoder sees each number once, with its time of arrival.
    #[test]
    fn any_pattern_of_loss_and_delay_is_told_exactly(
        packets in prop::collection::vec((0u16..40, 0u64..70, any::<bool>()), 1..200),
        start: u16,
    ) {
        let (mut recorder, mut at, mut number, mut expected) = (Recorder::default(), 5_000, start, Vec::new());
        for (gap, wait, keep) in packets {
            number = number.wrapping_add(1 + if keep { 0 } else { gap });
            at += wait;
            recorder.record(number, ms(at));
            expected.push((number, at.cast_signed() * 4));
        }
        let mut told = Vec::new();
        let mut next = None;
        loop {
            let mut out = Vec::new();
            if !recorder.report(&mut out, 1, 7) {
                break;
            }
            let (base, arrivals, _) = decode(&out);
            prop_assert!(next.is_none_or(|next| next == base));
            next = Some(base.wrapping_add(u16::try_from(arrivals.len()).unwrap()));
            for (number, time) in (0u16..).zip(arrivals) {
                if let Some(time) = time {
                    told.push((base.wrapping_add(number), time));
                }
            }
        }
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 198u8..210, words in 0u8..40) {
        let mut bytes = bytes;
        for (at, value) in [(0, 0x81), (1, kind), (2, 0), (3, words)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        for packet in read(&bytes) {
            match packet {
                Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks } => {
                    let _ = blocks.iter().count();
                }
                Packet::Nack { entries, .. } => {
                    let _ = nacked(entries).count();
                }
                _ => {}
            }
        }
    }
}
