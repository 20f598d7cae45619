//! The vectors of RFC 3711 and RFC 7714, round trips of both profiles, and what is refused.

use super::{cipher::vectors, kdf::Label, *};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

/// A client's and a server's session over the same material, the client made by swapping both halves.
pub(crate) fn pair(profile: SrtpProfile) -> (Session, Session) {
    let salt = if profile == SrtpProfile::Gcm { 12 } else { 14 };
    let material: Vec<u8> = (0..32 + 2 * salt).map(|i| u8::try_from(i * 7 + 3).unwrap_or(9)).collect();
    let swapped: Vec<u8> =
        [&material[16..32], &material[..16], &material[32 + salt as usize..], &material[32..32 + salt as usize]]
            .concat();
    (Session::derive(&swapped, profile).unwrap(), Session::derive(&material, profile).unwrap())
}

#[test]
fn keys_are_derived_as_in_rfc_3711_b3() {
    let (key, salt) = (bytes("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes("0EC675AD498AFEEBB6960B3AABE6"));
    for (label, expected) in [
        (Label::RtpKey, "C61E7A93744F39EE10734AFE3FF7A087"),
        (Label::RtpSalt, "30CBBC08863D8C85D49DB34A9AE1"),
        (Label::RtpAuth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"),
    ] {
        let mut out = vec![0; expected.len() / 2];
        kdf::derive(&key, &salt, label, &mut out).unwrap();
        assert_eq!(out, bytes(expected), "{label:?}");
    }
}

#[test]
fn counter_mode_is_as_in_rfc_3711_b2() {
    let mut text = [0; 48];
    let salt = array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    vectors::cm_key_stream(&array("2B7E151628AED2A6ABF7158809CF4F3C"), salt, &mut text);
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(text[..], bytes(expected));
}

/// RFC 7714 16.1.1 (SRTP) and 17.1 (SRTCP), AEAD_AES_128_GCM.
#[test]
fn gcm_is_as_in_rfc_7714() {
    let direction = vectors::gcm(&array("000102030405060708090a0b0c0d0e0f"), array("517569642070726f2071756f"));
    let header = bytes("8040f17b8041f8d35501a0b2");
    let plain = bytes("47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573");
    let sealed = bytes(
        "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
         899d7f27beb16a9152cf765ee4390cce",
    );
    let mut packet = [header.clone(), plain.clone(), vec![0; 16]].concat();
    let length = direction.seal_rtp(&mut packet, 12, plain.len(), 0x5501_a0b2, 0xf17b).unwrap();
    assert_eq!((length, &packet), (sealed.len(), &sealed));
    assert_eq!(direction.open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b), Some(plain.len()));
    assert_eq!(packet[12..12 + plain.len()], plain);

    let direction = vectors::gcm(&array("000102030405060708090a0b0c0d0e0f"), array("517569642070726f2071756f"));
    let plain = bytes(
        "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    );
    let sealed = bytes(
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b\
         c84aa45896cf4d2fc5abf87245d9eade800005d4",
    );
    let mut packet = plain.clone();
    direction.seal_rtcp(&mut packet, 0, 0x5d4).unwrap();
    assert_eq!(packet, sealed);
    assert_eq!(direction.open_rtcp(&mut packet, 0x4d61_7273), Some((plain.len(), 0x5d4)));
    assert_eq!(packet[..plain.len()], plain);
}

fn rtp(seq: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend_from_slice(&seq.to_be_bytes());
    packet.extend_from_slice(&[0; 4]);
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + TAG_MAX, 0);
    packet
}

#[test]
fn both_profiles_open_what_they_seal_and_nothing_else() {
    for profile in [SrtpProfile::Gcm, SrtpProfile::Cm] {
        let (mut client, mut server) = pair(profile);
        let stream = client.sealer.stream(9).unwrap();
        for index in [1, 2, 0x1_0003] {
            let mut packet = rtp(low16(index), 9, b"hello");
            let length = client.sealer.seal_rtp(stream, &mut packet, 12, 5, index).unwrap();
            packet.truncate(length);
            assert_ne!(packet[12..17], *b"hello");
            for at in 0..length {
                let mut forged = packet.clone();
                forged[at] ^= 1;
                let ssrc = be32(&forged, 8).unwrap();
                assert_eq!(server.opener.open_rtp(&mut forged, 12, ssrc, index), None, "{profile:?} byte {at}");
            }
            assert_eq!(server.opener.open_rtp(&mut packet.clone(), 12, 9, index + 0x1_0000), None, "other rollover");
            assert_eq!(server.opener.open_rtp(&mut packet, 12, 9, index), Some(5));
            assert_eq!(packet[12..17], *b"hello");
        }
        let mut report = vec![0xFF; 3];
        report.extend_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4]);
        assert!(client.sealer.seal_rtcp(&mut report, 3));
        let report = report.split_off(3);
        assert_eq!(server.opener.open_rtcp(&mut report.clone()), Ok(12));
        assert_eq!(server.opener.open_rtcp(&mut report.clone()), Err(RtcpRefusal::Replayed));
        for at in 0..report.len() {
            let mut forged = report.clone();
            forged[at] ^= 1;
            assert_eq!(server.opener.open_rtcp(&mut forged), Err(RtcpRefusal::Unauthentic), "{profile:?} byte {at}");
        }
        for length in 0..report.len() {
            assert!(server.opener.open_rtcp(&mut report[..length].to_vec()).is_err());
        }
    }
}

use crate::bits::low16;

#[test]
fn a_nonce_is_refused_the_second_time_also_after_the_stream_was_asked_for_anew() {
    let (_, mut server) = pair(SrtpProfile::Gcm);
    let stream = server.sealer.stream(5).unwrap();
    assert!(server.sealer.seal_rtp(stream, &mut rtp(7, 5, b"a"), 12, 1, 7).is_ok());
    let again = server.sealer.stream(5).unwrap();
    assert_eq!(server.sealer.highest(again), Some(7));
    let repeated = server.sealer.seal_rtp(again, &mut rtp(7, 5, b"b"), 12, 1, 7);
    assert_eq!(repeated, Err(SealError::Nonce(Refusal::Repeated)));
    assert!(server.sealer.seal_rtp(again, &mut rtp(9_000, 5, b"c"), 12, 1, 9_000).is_ok());
    let old = server.sealer.seal_rtp(again, &mut rtp(8, 5, b"d"), 12, 1, 8);
    assert_eq!(old, Err(SealError::Nonce(Refusal::Old)));
    let foreign = server.sealer.seal_rtp(again, &mut rtp(9_001, 6, b"e"), 12, 1, 9_001);
    assert_eq!(foreign, Err(SealError::Shape), "the packet's SSRC is not the stream's");
}

#[test]
fn sequence_numbers_extend_over_the_wrap_both_ways() {
    for (highest, seq, expected) in [
        (None, 65_535, Some(65_535)),
        (Some(65_535), 0, Some(65_536)),
        (Some(65_536), 65_535, Some(65_535)),
        (Some(3), 65_535, None),
        (Some(0x2_0000), 0x7FFF, Some(0x2_7FFF)),
        (Some(0x2_0000), 0x8000, Some(0x1_8000)),
    ] {
        assert_eq!(extend(highest, seq), expected, "{highest:?} {seq}");
    }
}

#[test]
fn short_material_gives_no_session() {
    assert!(Session::derive(&[0; 55], SrtpProfile::Gcm).is_none());
    assert!(Session::derive(&[0; 64], SrtpProfile::Gcm).is_some());
    assert!(Session::derive(&[0; 59], SrtpProfile::Cm).is_none());
}
