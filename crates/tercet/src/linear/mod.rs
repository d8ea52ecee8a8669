//! The linear classifier: `scores = X · W + b`.

use crate::network::Dense;

/// `scores = X · W + b`; the class is the argmax.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearClassifier {
    dense: Dense,
}

impl LinearClassifier {
    /// The classifier with these weights.
    pub fn from_dense(dense: Dense) -> Self {
        LinearClassifier { dense }
    }

    /// W and b.
    pub fn dense(&self) -> &Dense {
        &self.dense
    }
}
