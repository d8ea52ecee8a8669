//! MNIST.
