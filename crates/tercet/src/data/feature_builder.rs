//! [`FeatureBuilder`]: collects features one by one in the smallest type that represents all of them exactly: bytes,
//! then f32, then f64.

use super::raw_subset::Features;

/// Numbers, row by row. Their type is known once all have been read.
#[derive(Debug)]
pub(super) enum FeatureBuilder {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

impl FeatureBuilder {
    pub fn new() -> Self {
        FeatureBuilder::Bytes(Vec::new())
    }

    pub fn push(&mut self, value: f64) {
        if let FeatureBuilder::Bytes(bytes) = self {
            let byte = value as u8;
            if f64::from(byte) == value && (value != 0.0 || value.is_sign_positive()) {
                return bytes.push(byte);
            }
            *self = FeatureBuilder::Floats(bytes.iter().map(|&byte| f32::from(byte)).collect());
        }
        if let FeatureBuilder::Floats(values) = self {
            if is_exact(value) {
                return values.push(value as f32);
            }
            *self = FeatureBuilder::Doubles(values.iter().map(|&value| f64::from(value)).collect());
        }
        if let FeatureBuilder::Doubles(values) = self {
            values.push(value);
        }
    }

    /// The numbers as rows of D features.
    pub fn features(self, width: usize) -> Features {
        match self {
            FeatureBuilder::Bytes(values) => Features::Bytes(width, values),
            FeatureBuilder::Floats(values) => Features::Numbers(width, values),
            FeatureBuilder::Doubles(values) => Features::Doubles(width, values),
        }
    }
}

/// Whether f32 represents the number exactly, or it is not a number.
fn is_exact(value: f64) -> bool {
    f64::from(value as f32) == value || value.is_nan()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(values: &[f64]) -> Features {
        let mut builder = FeatureBuilder::new();
        values.iter().for_each(|&value| builder.push(value));
        builder.features(1)
    }

    #[test]
    fn bytes_stay_bytes_until_another_value_is_added() {
        assert!(matches!(built(&[0.0, 255.0, 7.0]), Features::Bytes(1, bytes) if bytes == [0, 255, 7]));
        for other in [0.5, -1.0, 256.0, f32::NAN, -0.0] {
            let Features::Numbers(_, values) = built(&[3.0, other.into()]) else {
                panic!("{other} is no byte")
            };
            assert_eq!((values[0], values[1].to_bits()), (3.0, other.to_bits()));
        }
    }

    #[test]
    fn a_number_that_f32_would_round_makes_all_f64() {
        assert!(matches!(built(&[16_777_216.0, 0.5]), Features::Numbers(..)));
        for exact in [16_777_217.0, 1_600_000_001.0, 0.1, 52.520_006_6, 1e300] {
            let Features::Doubles(1, values) = built(&[3.0, 0.5, exact]) else { panic!("{exact} rounded") };
            assert_eq!(values, [3.0, 0.5, exact]);
        }
    }
}
