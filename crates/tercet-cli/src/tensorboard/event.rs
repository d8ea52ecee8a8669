//! The event files of TensorBoard, as far as scalars go.
//!
//! A file is a sequence of records, in the framing of TensorFlow's TFRecord, all numbers little-endian:
//!
//! ```text
//! length      u64
//! checksum    u32, of the eight bytes of the length
//! event       a protocol buffer of `length` bytes
//! checksum    u32, of the event
//! ```
//!
//! A checksum is the CRC-32C c, masked: ((c >> 15) | (c << 17)) + 0xa282ead8. Of the messages in TensorFlow's
//! `event.proto` and `summary.proto`, these fields are written:
//!
//! ```text
//! Event       1 wall_time: double   2 step: int64   3 file_version: string   5 summary: Summary   7 session_log: SessionLog
//! Summary     1 value: repeated Value
//! Value       1 tag: string   2 simple_value: float
//! SessionLog  1 status: enum, of which 1 is START
//! ```
//!
//! That is little enough to be written by hand. A generator of protocol buffers would bring a compiler for them into every
//! build, and the crates for TensorBoard bring one too.

/// How a field is written: the last three bits of its key.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// What an event says.
pub enum What<'a> {
    /// The first record of every file.
    Version,
    /// A training goes on: of earlier files, what they say of this step and later ones no longer counts.
    Start,
    /// Numbers by their tags.
    Scalars(&'a [(&'a str, f32)]),
}

/// Records, built in buffers that are used again.
#[derive(Default)]
pub struct Records {
    /// The messages that are being built, innermost last: a message is preceded by its length.
    value: Vec<u8>,
    summary: Vec<u8>,
    event: Vec<u8>,
    record: Vec<u8>,
}

impl Records {
    /// The record of an event at this time, in seconds since 1970, and this step.
    pub fn record(&mut self, wall_time: f64, step: u64, what: &What<'_>) -> &[u8] {
        let Records { value, summary, event, record } = self;
        event.clear();
        key(event, 1, Wire::Fixed64);
        event.extend_from_slice(&wall_time.to_le_bytes());
        // What has the default value is left out.
        if step != 0 {
            key(event, 2, Wire::Varint);
            varint(event, step);
        }
        match what {
            // With this version TensorBoard goes by `Start` where a training went on.
            What::Version => bytes(event, 3, b"brain.Event:2"),
            What::Start => bytes(event, 7, &[1 << 3 | Wire::Varint as u8, 1]),
            What::Scalars(scalars) => {
                summary.clear();
                for (tag, scalar) in *scalars {
                    value.clear();
                    bytes(value, 1, tag.as_bytes());
                    key(value, 2, Wire::Fixed32);
                    value.extend_from_slice(&scalar.to_le_bytes());
                    bytes(summary, 1, value);
                }
                bytes(event, 5, summary);
            }
        }
        let length = (event.len() as u64).to_le_bytes();
        record.clear();
        record.extend_from_slice(&length);
        record.extend_from_slice(&checksum(&length).to_le_bytes());
        record.extend_from_slice(event);
        record.extend_from_slice(&checksum(event).to_le_bytes());
        record
    }
}

fn key(to: &mut Vec<u8>, field: u8, wire: Wire) {
    to.push(field << 3 | wire as u8);
}

fn bytes(to: &mut Vec<u8>, field: u8, content: &[u8]) {
    key(to, field, Wire::Bytes);
    varint(to, content.len() as u64);
    to.extend_from_slice(content);
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    // As TensorFlow's protocol buffers and checksums give them, computed by the Python package `tensorboard`
    // (`event_pb2.Event.SerializeToString` and `masked_crc32c`).
    const VERSION: &str = "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110";
    const SCALARS: &str = "3700000000000000e7e8ca590900002040fc54d94110ac022a290a110a0a6c6f73732f6261746368\
                           150000803e0a140a0d6c6561726e696e675f72617465156f12833a278838b4";
    const START: &str = "14000000000000005e3d29150900002040fc54d941108080808080203a020801f1317e1b";

    #[test]
    fn records_are_those_of_tensorboard_s_own_writer() {
        let mut records = Records::default();
        let scalars = [("loss/batch", 0.25), ("learning_rate", 1e-3)];
        for (step, what, expected) in [
            (0, What::Version, VERSION),
            (300, What::Scalars(&scalars), SCALARS),
            (1 << 40, What::Start, START),
        ] {
            let found: String = records
                .record(1_700_000_000.5, step, &what)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(found, expected);
        }
    }
}
