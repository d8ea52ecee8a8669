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
            Activation::Gelu => z * cdf(z),
            Activation::GeluTanh => half * z * (one + inner(z).tanh()),
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
            Activation::Gelu => cdf(z) + z * density(z),
            Activation::GeluTanh => {
                let t = inner(z).tanh();
                let slope = root::<T>() * (one + number::<T>(3.0 * CUBIC) * z * z);
                half * (one + t) + half * z * (one - t * t) * slope
            }
        }
    }
}

const CUBIC: f64 = 0.044715;

/// Φ, the standard normal distribution function, by its series (Marsaglia 2004), whose terms have one sign:
///
/// ```text
/// Φ(z) = ½ + φ(z) · (z + z³/3 + z⁵/(3·5) + z⁷/(3·5·7) + …)
/// ```
fn cdf<T: Float>(z: T) -> T {
    // Beyond, Φ is 0 or 1 to the precision of f64, and the sum may overflow.
    if z.abs() > number(9.0) {
        return if z > T::zero() { T::one() } else { T::zero() };
    }
    let (mut sum, mut term, mut odd) = (T::zero(), z, T::one());
    // NaN ends the loop, too.
    while sum + term != sum && !term.is_nan() {
        sum = sum + term;
        odd = odd + number(2.0);
        term = term * z * z / odd;
    }
    number::<T>(0.5) + density(z) * if z.is_nan() { z } else { sum }
}

/// φ(z) = exp(−z²/2) / √(2π), the standard normal density.
fn density<T: Float>(z: T) -> T {
    (-z * z / number(2.0)).exp() / number(std::f64::consts::TAU.sqrt())
}

/// The argument of the tanh that approximates GELU.
fn inner<T: Float>(z: T) -> T {
    root::<T>() * (z + number::<T>(CUBIC) * z * z * z)
}

fn root<T: Float>() -> T {
    number(std::f64::consts::FRAC_2_PI.sqrt())
}

fn number<T: Float>(value: f64) -> T {
    T::from(value).expect("a small number has its like in every type")
}
