//! The bytes of a segment: a header, then frames, each with two checksums.
//!
//! ```text
//! segment header, 32 bytes: magic 8 · version u32 · segment number u64 · salt u64 · crc u32
//! frame header, 35 bytes:   magic u32 · payload length u32 · kind u8 · replica u16 · height u64 · durable u64 · payload crc u32 · header crc u32
//! ```
//! All integers little-endian. A frame's checksums also cover the segment's salt and the frame's offset: a frame
//! is valid in one place only, so neither old disk blocks nor bytes inside somebody's payload pass for one.
//! `durable` is how many bytes of this segment were known durable when the frame was made. It tells a torn tail
//! from damage: a valid frame behind a bad one proves damage if it says that the bad place had been durable;
//! otherwise the disk only wrote the pages of an unconfirmed tail out of order.

use crate::ReplicaPrefix;

/// Length of a segment header.
pub(super) const SEGMENT_HEADER_BYTES: usize = 32;
/// Length of a frame header.
pub(super) const FRAME_HEADER_BYTES: usize = 35;
/// The version this program writes.
pub(super) const SEGMENT_VERSION: u32 = 1;
/// Kind of the frame that records a commit; above all kinds of callers.
pub(super) const KIND_COMMITTED: u8 = 0xff;
/// Kind of the frame that records, at a clean close, that everything before is durable.
pub(super) const KIND_CLOSED: u8 = 0xfe;
/// Kind of the frame that ends a segment for good: one that was cut between two frames lacks it.
pub(super) const KIND_SEALED: u8 = 0xfd;

const SEGMENT_MAGIC: [u8; 8] = *b"CTIELOG\0";
const FRAME_MAGIC: [u8; 4] = [0xc7, 0x1e, 0xf7, 0xa3];

/// A segment's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) number: u64,
    pub(super) salt: u64,
}

/// Why a segment header is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Not a header that this program wrote.
    Invalid,
    /// Intact, but of this newer version.
    Newer(u32),
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend_from_slice(&SEGMENT_MAGIC);
        bytes.extend_from_slice(&SEGMENT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let mut header = [0; SEGMENT_HEADER_BYTES];
        header.copy_from_slice(&bytes);
        header
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let mut fields = Fields(bytes.get(..SEGMENT_HEADER_BYTES).ok_or(BadHeader::Invalid)?);
        let checked = crc32fast::hash(&bytes[..SEGMENT_HEADER_BYTES - 4]);
        let magic: [u8; 8] = fields.take();
        let version = u32::from_le_bytes(fields.take());
        let number = u64::from_le_bytes(fields.take());
        let salt = u64::from_le_bytes(fields.take());
        if magic != SEGMENT_MAGIC || u32::from_le_bytes(fields.take()) != checked {
            return Err(BadHeader::Invalid);
        }
        if version == SEGMENT_VERSION { Ok(Self { number, salt }) } else { Err(BadHeader::Newer(version)) }
    }
}

/// The fields of a frame that are not payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) kind: u8,
    pub(super) replica: ReplicaPrefix,
    pub(super) height: u64,
    /// Bytes of the segment that were durable when the frame was made.
    pub(super) durable: u64,
}

/// A frame found in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) header: FrameHeader,
    pub(super) payload: &'a [u8],
    /// Offset of the byte behind it.
    pub(super) end: usize,
}

/// Appends a frame that will stand at `offset` of its segment.
///
/// The caller has checked that the payload's length fits.
pub(super) fn encode_frame(into: &mut Vec<u8>, salt: u64, offset: u64, header: FrameHeader, payload: &[u8]) {
    let start = into.len();
    let length = u32::try_from(payload.len()).expect("payload length is limited at append");
    into.reserve(FRAME_HEADER_BYTES + payload.len());
    into.extend_from_slice(&FRAME_MAGIC);
    into.extend_from_slice(&length.to_le_bytes());
    into.push(header.kind);
    into.extend_from_slice(&header.replica.number().to_le_bytes());
    into.extend_from_slice(&header.height.to_le_bytes());
    into.extend_from_slice(&header.durable.to_le_bytes());
    into.extend_from_slice(&checksum(salt, offset, payload).to_le_bytes());
    let header_checksum = checksum(salt, offset, &into[start..]);
    into.extend_from_slice(&header_checksum.to_le_bytes());
    into.extend_from_slice(payload);
}

/// The frame at `offset`, or in words what is wrong there.
pub(super) fn decode_frame(segment: &[u8], salt: u64, offset: usize) -> Result<Frame<'_>, &'static str> {
    let (header, length, payload_checksum) =
        decode_frame_header(segment, salt, offset).ok_or("no valid frame begins here")?;
    let start = offset + FRAME_HEADER_BYTES;
    let end = start.checked_add(length).ok_or("the frame's length overflows")?;
    let payload = segment.get(start..end).ok_or("the frame's payload is cut off")?;
    if checksum(salt, offset as u64, payload) != payload_checksum {
        return Err("the payload's checksum is wrong");
    }
    Ok(Frame { header, payload, end })
}

/// The first place behind `bad` whose frame proves that the bytes at `bad` had been durable.
pub(super) fn proof_of_damage(segment: &[u8], salt: u64, bad: usize) -> Option<usize> {
    (bad + 1..segment.len()).find(|&offset| {
        segment[offset] == FRAME_MAGIC[0]
            && decode_frame_header(segment, salt, offset).is_some_and(|(header, _, _)| header.durable > bad as u64)
    })
}

fn decode_frame_header(segment: &[u8], salt: u64, offset: usize) -> Option<(FrameHeader, usize, u32)> {
    let bytes = segment.get(offset..offset.checked_add(FRAME_HEADER_BYTES)?)?;
    let mut fields = Fields(bytes);
    if fields.take() != FRAME_MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(fields.take()) as usize;
    let [kind] = fields.take();
    let replica = ReplicaPrefix::new(u16::from_le_bytes(fields.take()));
    let height = u64::from_le_bytes(fields.take());
    let durable = u64::from_le_bytes(fields.take());
    let payload_checksum = u32::from_le_bytes(fields.take());
    let expected = checksum(salt, offset as u64, &bytes[..FRAME_HEADER_BYTES - 4]);
    let intact = u32::from_le_bytes(fields.take()) == expected && durable <= offset as u64;
    intact.then_some((FrameHeader { kind, replica, height, durable }, length, payload_checksum))
}

fn checksum(salt: u64, offset: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Takes fixed fields off the front of a slice whose length was checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the length of a header is checked before its fields");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests;
