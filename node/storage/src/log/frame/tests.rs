//! A frame is what was written, where it was written, or nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{BadHeader, FRAME_HEADER_BYTES, FrameHeader, SegmentHeader, decode_frame, encode_frame, proof_of_damage};
use crate::ReplicaPrefix;

const HEADER: FrameHeader = FrameHeader { kind: 3, replica: ReplicaPrefix::new(0x0102), height: 77, durable: 5 };

fn at(offset: usize, salt: u64) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    encode_frame(&mut bytes, salt, offset as u64, HEADER, b"payload");
    bytes
}

#[test]
fn a_frame_is_valid_in_its_place_only() {
    let bytes = at(10, 42);
    let frame = decode_frame(&bytes, 42, 10).unwrap();
    assert_eq!((frame.header, frame.payload, frame.end), (HEADER, b"payload".as_slice(), bytes.len()));
    assert!(decode_frame(&bytes, 43, 10).is_err(), "another segment");
    assert!(decode_frame(&bytes[1..], 42, 9).is_err(), "another offset");
    // Nor does it prove anything elsewhere.
    assert_eq!(proof_of_damage(&bytes, 42, 3), Some(10));
    assert_eq!(proof_of_damage(&bytes, 43, 3), None);
    assert_eq!(proof_of_damage(&bytes[1..], 42, 3), None);
    assert_eq!(proof_of_damage(&bytes, 42, 5), None, "byte 5 was not durable yet");
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let bytes = at(10, 42);
    for at in 10..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(decode_frame(&flipped, 42, 10).is_err(), "byte {at} bit {bit}");
        }
        assert!(decode_frame(&bytes[..at], 42, 10).is_err(), "cut at {at}");
    }
    assert_eq!(bytes.len(), 10 + FRAME_HEADER_BYTES + 7);
}

#[test]
fn a_segment_header_is_exact() {
    let header = SegmentHeader { number: 9, salt: 42 };
    let bytes = header.encode();
    assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
    for at in 0..bytes.len() {
        let mut flipped = bytes;
        flipped[at] ^= 4;
        assert_eq!(SegmentHeader::decode(&flipped), Err(BadHeader::Invalid), "byte {at}");
        assert_eq!(SegmentHeader::decode(&bytes[..at]), Err(BadHeader::Invalid), "cut at {at}");
    }
}
