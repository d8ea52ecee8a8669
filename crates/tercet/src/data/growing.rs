//! [`Growing`]: features that come one by one, kept as bytes for as long as they are whole numbers of 0 to 255.

use super::part::Features;

/// Row after row of numbers, whose kind is known when all are there.
#[derive(Debug)]
pub(super) enum Growing {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Growing {
    pub fn new() -> Self {
        Growing::Bytes(Vec::new())
    }

    pub fn push(&mut self, value: f32) {
        if let Growing::Bytes(bytes) = self {
            let byte = value as u8;
            if f32::from(byte) == value && (value != 0.0 || value.is_sign_positive()) {
                return bytes.push(byte);
            }
            *self = Growing::Floats(bytes.iter().map(|&byte| f32::from(byte)).collect());
        }
        if let Growing::Floats(values) = self {
            values.push(value);
        }
    }

    /// As features of D numbers.
    pub fn features(self, width: usize) -> Features {
        match self {
            Growing::Bytes(values) => Features::Bytes(width, values),
            Growing::Floats(values) => Features::Numbers(width, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_bytes_until_something_else_comes() {
        let grown = |values: &[f32]| {
            let mut growing = Growing::new();
            values.iter().for_each(|&value| growing.push(value));
            growing.features(1)
        };
        assert!(matches!(grown(&[0.0, 255.0, 7.0]), Features::Bytes(1, bytes) if bytes == [0, 255, 7]));
        for other in [0.5, -1.0, 256.0, f32::NAN, -0.0] {
            let Features::Numbers(_, values) = grown(&[3.0, other]) else { panic!("{other} is no byte") };
            assert_eq!((values[0], values[1].to_bits()), (3.0, other.to_bits()));
        }
    }
}
