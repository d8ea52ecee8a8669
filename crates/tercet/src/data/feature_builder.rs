//! [`FeatureBuilder`]: collects features one by one, as bytes as long as all of them are integers from 0 to 255.

use super::raw_subset::Features;

/// Numbers, row by row. Their type is known once all have been read.
#[derive(Debug)]
pub(super) enum FeatureBuilder {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl FeatureBuilder {
    pub fn new() -> Self {
        FeatureBuilder::Bytes(Vec::new())
    }

    pub fn push(&mut self, value: f32) {
        if let FeatureBuilder::Bytes(bytes) = self {
            let byte = value as u8;
            if f32::from(byte) == value && (value != 0.0 || value.is_sign_positive()) {
                return bytes.push(byte);
            }
            *self = FeatureBuilder::Floats(bytes.iter().map(|&byte| f32::from(byte)).collect());
        }
        if let FeatureBuilder::Floats(values) = self {
            values.push(value);
        }
    }

    /// The numbers as rows of D features.
    pub fn features(self, width: usize) -> Features {
        match self {
            FeatureBuilder::Bytes(values) => Features::Bytes(width, values),
            FeatureBuilder::Floats(values) => Features::Numbers(width, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_bytes_until_another_value_is_added() {
        let built = |values: &[f32]| {
            let mut builder = FeatureBuilder::new();
            values.iter().for_each(|&value| builder.push(value));
            builder.features(1)
        };
        assert!(matches!(built(&[0.0, 255.0, 7.0]), Features::Bytes(1, bytes) if bytes == [0, 255, 7]));
        for other in [0.5, -1.0, 256.0, f32::NAN, -0.0] {
            let Features::Numbers(_, values) = built(&[3.0, other]) else { panic!("{other} is no byte") };
            assert_eq!((values[0], values[1].to_bits()), (3.0, other.to_bits()));
        }
    }
}
