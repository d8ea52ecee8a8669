//! The formulas of the activations, on f32 or f64.

use num_traits::Float;

use crate::network::Activation;

impl<T: Float> Activation<T> {
    /// y, by the formula.
    pub fn value(self, z: T) -> T {
        let (zero, one, half) = (T::zero(), T::one(), number::<T>(0.5));
        match self {
            Activation::Relu => z.max(zero),
            Activation::LeakyRelu { slope } => z.max(zero) + slope * z.min(zero),
            Activation::Sigmoid => one / (one + (-z).exp()),
            Activation::Tanh => z.tanh(),
            Activation::Gelu => half * z * (one + inner(z).tanh()),
        }
    }

    /// dy/dz, by the formula; 0, or the slope, where ReLU is not differentiable.
    pub fn derivative(self, z: T) -> T {
        let (zero, one, half) = (T::zero(), T::one(), number::<T>(0.5));
        match self {
            Activation::Relu if z > zero => one,
            Activation::Relu => zero,
            Activation::LeakyRelu { .. } if z > zero => one,
            Activation::LeakyRelu { slope } => slope,
            Activation::Sigmoid => self.value(z) * (one - self.value(z)),
            Activation::Tanh => one - z.tanh() * z.tanh(),
            Activation::Gelu => {
                let t = inner(z).tanh();
                let slope = root::<T>() * (one + number::<T>(3.0 * CUBIC) * z * z);
                half * (one + t) + half * z * (one - t * t) * slope
            }
        }
    }
}

const CUBIC: f64 = 0.044715;

/// The argument of GELU's tanh.
fn inner<T: Float>(z: T) -> T {
    root::<T>() * (z + number::<T>(CUBIC) * z * z * z)
}

fn root<T: Float>() -> T {
    number(std::f64::consts::FRAC_2_PI.sqrt())
}

fn number<T: Float>(value: f64) -> T {
    T::from(value).expect("a small number has its like in every type")
}
