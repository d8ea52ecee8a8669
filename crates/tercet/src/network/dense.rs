//! The fully connected layer.

/// `Z = X · W + b`: every output is connected to every input.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// D, the number of inputs.
    pub inputs: usize,
    /// H, the number of outputs.
    pub outputs: usize,
    /// W, (inputs, outputs), row-major.
    pub w: Vec<f32>,
    /// b, (outputs).
    pub b: Vec<f32>,
}
