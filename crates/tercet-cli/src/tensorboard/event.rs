//! The format of TensorBoard event files, for scalars.
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
//! Event       1 wall_time: double   2 step: int64   3 file_version: string   5 summary: Summary
//!             7 session_log: SessionLog
//! Summary     1 value: repeated Value
//! Value       1 tag: string   2 simple_value: float
//! SessionLog  1 status: enum, of which 1 is START
//! ```

use tercet::export::protobuf::Message;

/// The content of an event.
pub enum What<'a> {
    /// The first record of every file.
    Version,
    /// Training resumes: in earlier files, the records of this step and of later ones no longer count.
    Start,
    /// Numbers and their tags.
    Scalars(&'a [(&'a str, f32)]),
}

/// The record of an event at this time, in seconds since 1970, and this step.
pub fn record(wall_time: f64, step: u64, what: &What<'_>) -> Vec<u8> {
    let mut event = Message::default().double(1, wall_time);
    // A field with its default value is left out.
    if step != 0 {
        event = event.int(2, step as i64);
    }
    let event = match what {
        // From this version on, TensorBoard honours `Start`.
        What::Version => event.text(3, "brain.Event:2"),
        What::Start => event.message(7, &Message::default().int(1, 1)),
        What::Scalars(scalars) => {
            let value = |tag: &str, scalar| Message::default().text(1, tag).float(2, scalar);
            let summary = scalars
                .iter()
                .fold(Message::default(), |summary, &(tag, scalar)| summary.message(1, &value(tag, scalar)));
            event.message(5, &summary)
        }
    };
    let event = event.as_bytes();
    let length = (event.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length).to_le_bytes(), event, &checksum(event).to_le_bytes()].concat()
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
        let scalars = [("loss/batch", 0.25), ("learning_rate", 1e-3)];
        for (step, what, expected) in [
            (0, What::Version, VERSION),
            (300, What::Scalars(&scalars), SCALARS),
            (1 << 40, What::Start, START),
        ] {
            let record = record(1_700_000_000.5, step, &what);
            let found: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, expected);
        }
    }
}
