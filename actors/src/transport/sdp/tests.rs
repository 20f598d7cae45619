//! Descriptions are read as they mean; candidates are replaced; what is handed to the library says the same.

use std::net::{IpAddr, SocketAddr};

use rookery_media::SlotKey;
use rookery_schemas::ids::SlotIndex;
use rookery_schemas::signal::{Codec, MediaKind};

use super::*;

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:LS 0 1\r\na=group:BUNDLE 0 1 2\r\n\
    a=fingerprint:sha-256 54:68:24:C3:AB:68:FF:E3:42:50:99:50:D9:52:06:E9:2A:6B:C3:11:51:FE:54:AD:7B:7C:DB:86:6D:AC:3C:DC\r\n\
    a=ice-ufrag:0lUN\r\na=ice-pwd:H8hoYp4koxcnIlWpnC+8kcQE\r\na=setup:actpass\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 OPUS/48000/2\r\n\
    a=rtpmap:63 red/48000/2\r\na=extmap:1/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on\r\n\
    a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=ssrc:7 cname:a\r\na=ssrc:7 msid:b\r\n\
    m=video 0 UDP/TLS/RTP/SAVPF 96 97 98 99 100 102 45\r\na=bundle-only\r\na=mid:1\r\na=rtcp-mux\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n\
    a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=2\r\n\
    a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:45 AV1/90000\r\n\
    a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rid:f send pt=96\r\na=rid:q send\r\na=rid:x recv\r\n\
    a=simulcast:recv x send q,h;~f\r\na=ssrc-group:FID 8 9\r\n\
    m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=inactive\r\na=end-of-candidates\r\n";

fn offer() -> Description<'static> {
    Description::parse(OFFER).unwrap()
}

#[test]
fn an_offer_is_read() {
    let offer = offer();
    let [audio, video, data] = offer.sections.as_slice() else { panic!("{offer:?}") };
    assert_eq!((offer.bundle.join(" "), offer.ufrag()), ("0 1 2".to_owned(), Some("0lUN")));
    assert_eq!((audio.mid, audio.direction(), audio.ssrcs.as_slice()), ("0", Direction::SendOnly, [7].as_slice()));
    assert_eq!(audio.extensions, [(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")]);
    assert_eq!((video.rejected, video.direction()), (false, Direction::SendRecv), "bundle-only is no rejection");
    assert_eq!((video.rids.as_slice(), video.fid.as_slice()), (["q", "f"].as_slice(), [(8, 9)].as_slice()));
    assert_eq!((data.rejected, data.is_data(), data.formats.len()), (true, true, 0));
    check_offer(&offer).unwrap();
}

#[test]
fn lines_have_the_answers_codecs_and_extensions() {
    let lines = receive_lines(&Description::parse(&OFFER.replace("a=sendonly", "a=recvonly")).unwrap(), &offer());
    let [audio, video] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(
        audio.codecs.iter().map(|payload| (payload.number, payload.codec)).collect::<Vec<_>>(),
        [(111, Codec::Opus)]
    );
    assert_eq!(audio.extensions.audio_level, Some(1));
    assert_eq!(video.extensions.mid, None, "an id of 15 cannot stand in a one-byte header");
    let codecs: Vec<_> = video.codecs.iter().map(|payload| (payload.number, payload.codec, payload.rtx)).collect();
    let (vp8, vp9) = ((96, Codec::Vp8, Some(97)), (98, Codec::Vp9, Some(99)));
    assert_eq!(codecs, [vp8, vp9, (102, Codec::H264, None), (45, Codec::Av1, None)], "VP9 profile 2 is not served");
    // we do not receive what we answer with sendonly
    assert_eq!(receive_lines(&offer(), &offer()).len(), 1);
}

#[test]
fn slots_have_the_answers_payload_types_and_need_their_line() {
    let ours = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:5\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=ssrc:70 x\r\na=ssrc:71 x\r\n";
    let key = SlotKey { index: SlotIndex(3), kind: MediaKind::Video };
    let planned = [PlannedSlot { key, ssrc: 70, rtx_ssrc: Some(71) }];
    let offer = Description::parse(ours).unwrap();
    let slots = |answer: &str| send_slots(&Description::parse(answer).unwrap(), &offer, &planned);
    let answer = ours.replace("a=sendonly", "a=recvonly").replace("96", "120");
    let [slot] = &slots(&answer)[..] else { panic!() };
    assert_eq!((slot.mid.as_str(), slot.ssrc, slot.rtx_ssrc, slot.codecs[0].number), ("5", 70, Some(71), 120));
    for refused in
        [answer.replace("video 9", "video 0"), answer.replace("recvonly", "inactive"), answer.replace("VP8", "H265")]
    {
        assert!(slots(&refused).is_empty(), "{refused}");
    }
}

#[test]
fn what_is_handed_to_the_library_says_the_same_without_candidates() {
    let handed = for_library(OFFER, &offer());
    assert!(!handed.contains("candidate") && !handed.contains("a=group:LS"));
    assert!(handed.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n") && !handed.contains("a=extmap:"));
    assert!(handed.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"), "a bundled m-line has a port");
    assert_eq!(handed.matches("a=sendrecv").count(), 1, "the video's, which was not written");
    assert!(handed.contains("a=inactive"), "a rejected line stays as it is");
    let resting = OFFER.replace("a=sendonly", "a=inactive");
    assert!(for_library(&resting, &Description::parse(&resting).unwrap()).contains("a=mid:0\r\na=recvonly"));
}

#[test]
fn an_answer_has_what_is_served_of_each_m_line_in_its_order() {
    let offer = OFFER.replace("SAVPF 96 97 98 99 100 102 45", "SAVPF 45 102 98 99 100 96 97");
    let offer = offer.replace(
        "a=extmap:15 urn",
        "a=rtcp-fb:* nack\r\na=rtcp-fb:45 nack pli\r\na=rtcp-fb:45 goog-remb\r\na=extmap:14 urn",
    );
    let offer = Description::parse(&offer).unwrap();
    let library = "v=0\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=extmap:7 x\r\na=recvonly\r\n";
    let answer = with_answered_codecs(library, &offer);
    let video = &answer[answer.find("m=video").unwrap()..];
    let want = "m=video 9 UDP/TLS/RTP/SAVPF 45 102 98 99 96 97\r\na=mid:1\r\na=recvonly\r\n\
        a=rtpmap:45 AV1/90000\r\na=rtcp-fb:45 nack\r\na=rtcp-fb:45 nack pli\r\n\
        a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n\
        a=rtpmap:98 VP9/90000\r\na=rtcp-fb:98 nack\r\na=fmtp:98 profile-id=0\r\n\
        a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=extmap:14 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
    assert_eq!(video, want);
    assert!(answer.contains(
        "a=fmtp:111 minptime=10;useinbandfec=1\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    ));
}

#[test]
fn a_line_of_which_nothing_is_served_is_rejected_and_leaves_the_bundle() {
    let offer = OFFER.replace("OPUS/48000/2", "PCMU/8000");
    let library = "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=recvonly\r\n";
    let answer = with_answered_codecs(library, &Description::parse(&offer).unwrap());
    assert!(
        answer.starts_with("v=0\r\na=group:BUNDLE 1\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"),
        "{answer}"
    );
    assert!(answer.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 102 45\r\n"));
}

#[test]
fn high_profiles_of_h264_are_not_served() {
    let format = |fmtp| Format { number: 102, encoding: "H264/90000", fmtp };
    for (fmtp, served) in [
        ("packetization-mode=1;profile-level-id=42e01f", true),
        ("profile-level-id=42001f;packetization-mode=1", true),
        ("packetization-mode=0;profile-level-id=42e01f", false),
        ("packetization-mode=1;profile-level-id=64001f", false),
        ("profile-level-id=42e01f", false),
    ] {
        assert_eq!(negotiated::codec(&format(fmtp)).is_some(), served, "{fmtp}");
    }
}

#[test]
fn candidates_are_replaced_in_the_first_live_section() {
    let addrs: Vec<SocketAddr> = vec!["192.0.2.7:7000".parse().unwrap(), "[2001:db8::7]:7001".parse().unwrap()];
    let given = with_candidates(OFFER, &addrs);
    let audio = &given[given.find("m=audio").unwrap()..given.find("m=video").unwrap()];
    assert!(audio.ends_with(
        "a=candidate:1 1 udp 2130706431 192.0.2.7 7000 typ host\r\n\
         a=candidate:2 1 udp 2130706175 2001:db8::7 7001 typ host\r\na=end-of-candidates\r\n"
    ));
    assert_eq!((given.matches("a=candidate").count(), given.matches("end-of").count()), (2, 1));
    let stopped = OFFER.replace("m=audio 9", "m=audio 0").replace("m=video 0", "m=video 9");
    let given = with_candidates(&stopped, &addrs);
    assert!(given.find("a=candidate").unwrap() > given.find("m=video").unwrap());
}

#[test]
fn host_candidates_are_usable_ones_public_first() {
    let worker: Vec<SocketAddr> = ["192.0.2.1:7000", "0.0.0.0:7000", "[fe80::1]:7001", "[2001:db8::1]:7001"]
        .map(|text| text.parse().unwrap())
        .into();
    let public: Vec<IpAddr> = ["203.0.113.1", "2001:db8::2", "192.0.2.1"].map(|text| text.parse().unwrap()).into();
    let found: Vec<String> = host_candidates(&worker, &public).iter().map(SocketAddr::to_string).collect();
    assert_eq!(found, ["203.0.113.1:7000", "[2001:db8::2]:7001", "192.0.2.1:7000", "[2001:db8::1]:7001"]);
    let many: Vec<IpAddr> = (0..100).map(|last| IpAddr::from([203, 0, 113, last])).collect();
    assert_eq!(host_candidates(&worker, &many).len(), CANDIDATES_MAX);
}
