//! A writer of protocol buffers, for ONNX files and TensorBoard's event files.
//!
//! A message is a sequence of fields; a field is a key (`number << 3 | wire type`) and a value. Varints have seven bits
//! per byte, least significant first; the eighth bit is set if more bytes follow.
//!
//! A library with a code generator would take longer to build than this module is long.

/// A message under construction: each method appends a field and returns the message.
///
/// ```
/// use tercet::export::protobuf::Message;
/// let inner = Message::default().int(1, 150);
/// let message = Message::default().text(2, "testing").message(3, &inner);
/// assert_eq!(message.as_bytes(), b"\x12\x07testing\x1a\x03\x08\x96\x01");
/// ```
///
/// Source: "Encoding" in the documentation of protocol buffers.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

/// How a value is encoded.
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

impl Message {
    fn key(&mut self, field: u64, wire: Wire) {
        self.varint(field << 3 | wire as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// An integer: `int32`, `int64` or an enum. Negative ones take ten bytes.
    #[must_use]
    pub fn int(mut self, field: u64, value: i64) -> Self {
        self.key(field, Wire::Varint);
        self.varint(value as u64);
        self
    }

    /// A `float`.
    #[must_use]
    pub fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, Wire::Fixed32);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A `double`.
    #[must_use]
    pub fn double(mut self, field: u64, value: f64) -> Self {
        self.key(field, Wire::Fixed64);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A field of `bytes`.
    #[must_use]
    pub fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, Wire::Bytes);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    /// A `string`.
    #[must_use]
    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// A message inside this one.
    #[must_use]
    pub fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    /// The encoded message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded message, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples in the documentation of the format.
    #[test]
    fn fields_are_encoded_as_described() {
        assert_eq!(Message::default().int(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").into_bytes(), b"\x12\x07testing");
        let inner = Message::default().int(1, 150);
        assert_eq!(Message::default().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().int(1, -2).into_bytes().len(), 11);
        assert_eq!(Message::default().float(1, 1.0).into_bytes(), [0x0d, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::default().double(1, 1.0).into_bytes(), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }
}
