//! Element-wise operations, and reductions to a single number.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::operation::{Derivative, Names, Operation};
use super::value::{Value, number};
use crate::network::Activation;

/// `a ∘ b`, element-wise; for the maximum also which operand it was.
pub(super) fn binary(operation: &Operation, a: &Value, b: &Value) -> (Value, Vec<u32>) {
    let f: &dyn Fn(f64, f64) -> f64 = match operation {
        Operation::Add => &|a, b| a + b,
        Operation::Subtract => &|a, b| a - b,
        Operation::Multiply => &|a, b| a * b,
        Operation::Divide => &|a, b| a / b,
        Operation::Power => &f64::powf,
        Operation::Maximum => &|a, b| if first_is_larger(a, b) { a } else { b },
        other => unreachable!("{other:?} has not two operands"),
    };
    let sides = match operation {
        Operation::Maximum => sides(&Value::zip(a, b, &|a, b| f64::from(u8::from(first_is_larger(a, b))))),
        _ => Vec::new(),
    };
    (Value::zip(a, b, f), sides)
}

/// NaN counts as larger, so that it propagates.
fn first_is_larger(a: f64, b: f64) -> bool {
    a >= b || a.is_nan()
}

fn sides(value: &Value) -> Vec<u32> {
    value.numbers().iter().map(|&v| v as u32).collect()
}

/// The derivative of `a ∘ b` with respect to one operand.
pub(super) fn binary_derivative(
    operation: &Operation,
    operand: usize,
    a: &Value,
    b: &Value,
    names: &Names<'_>,
) -> Derivative {
    let (first, by_a) = (operand == 0, operand == 0);
    let (name_a, name_b) = (names.operands[0], names.operands[1]);
    let (symbol, f): (String, &dyn Fn(f64, f64) -> f64) = match operation {
        Operation::Add => ("1".to_owned(), &|_, _| 1.0),
        Operation::Subtract if first => ("1".to_owned(), &|_, _| 1.0),
        Operation::Subtract => ("−1".to_owned(), &|_, _| -1.0),
        Operation::Multiply if first => (name_b.to_owned(), &|_, b| b),
        Operation::Multiply => (name_a.to_owned(), &|a, _| a),
        Operation::Divide if first => (format!("1/{name_b}"), &|_, b| 1.0 / b),
        Operation::Divide => (format!("−{name_a}/{name_b}²"), &|a, b| -a / (b * b)),
        // x ^ 0 is 1 everywhere, even at 0, where 0 · 0 ^ −1 would be NaN.
        Operation::Power if first => {
            let symbol = match b.as_scalar() {
                Some(1.0) => "1".to_owned(),
                Some(2.0) => format!("2·{name_a}"),
                Some(b) => format!("{}·{name_a}^{}", number(b), number(b - 1.0)),
                None => format!("{name_b}·{name_a}^({name_b} − 1)"),
            };
            (symbol, &|a, b| if b == 0.0 { 0.0 } else { b * a.powf(b - 1.0) })
        }
        // 0 ^ b is 0 for every b above 0, where 0 · ln 0 would be NaN.
        Operation::Power => (format!("{}·ln {name_a}", names.output), &|a, b| {
            if a == 0.0 && b > 0.0 { 0.0 } else { a.powf(b) * a.ln() }
        }),
        Operation::Maximum => {
            let relation = if first { "≥" } else { "<" };
            (format!("[{name_a} {relation} {name_b}]"), &|a, b| {
                f64::from(u8::from(first_is_larger(a, b) == by_a))
            })
        }
        other => unreachable!("{other:?} has not two operands"),
    };
    Derivative::Local { symbol, value: Value::zip(a, b, f) }
}

/// `f(a)`, element-wise; if f has a kink at 0, also the side of it on which each element lies.
pub(super) fn unary(operation: &Operation, a: &Value) -> (Value, Vec<u32>) {
    let value = match operation {
        Operation::Negate => a.map(&|a| -a),
        Operation::Activation(activation) => activation_value(*activation, a),
        Operation::Exp => a.map(&f64::exp),
        Operation::Log => a.map(&f64::ln),
        Operation::Sqrt => a.map(&f64::sqrt),
        other => unreachable!("{other:?} has not one operand"),
    };
    let sides = match operation {
        Operation::Activation(Activation::Relu | Activation::LeakyRelu { .. }) => {
            sides(&a.map(&|a| f64::from(u8::from(a > 0.0))))
        }
        _ => Vec::new(),
    };
    (value, sides)
}

/// The derivative of `y = f(a)`. Many are simplest in terms of y.
pub(super) fn unary_derivative(operation: &Operation, a: &Value, y: &Value, names: &Names<'_>) -> Derivative {
    let (of, out) = (names.operands[0], names.output);
    let (symbol, value) = match operation {
        Operation::Negate => ("−1".to_owned(), a.map(&|_| -1.0)),
        Operation::Activation(activation) => activation_derivative(*activation, a, y, names),
        Operation::Exp => (out.to_owned(), y.clone()),
        Operation::Log => (format!("1/{of}"), a.map(&|a| 1.0 / a)),
        Operation::Sqrt => (format!("1/(2·{out})"), y.map(&|y| 0.5 / y)),
        other => unreachable!("{other:?} has not one operand"),
    };
    Derivative::Local { symbol, value }
}

fn activation_value(activation: Activation<f64>, a: &Value) -> Value {
    match activation {
        // Not `a.max(0)`, which would hide NaN.
        Activation::Relu => a.map(&|a| if a <= 0.0 { 0.0 } else { a }),
        Activation::LeakyRelu { slope } => a.map(&|a| if a <= 0.0 { slope * a } else { a }),
        Activation::Sigmoid => a.map(&sigmoid),
        Activation::Tanh => a.map(&f64::tanh),
        Activation::Gelu => a.map(&|a| a * normal_cdf(a)),
        Activation::GeluTanh => a.map(&|a| 0.5 * a * (1.0 + gelu_tanh(a))),
    }
}

/// The derivative of an activation, and its formula.
fn activation_derivative(
    activation: Activation<f64>,
    a: &Value,
    y: &Value,
    names: &Names<'_>,
) -> (String, Value) {
    let (of, out) = (names.operands[0], names.output);
    match activation {
        Activation::Relu => (format!("[{of} > 0]"), a.map(&|a| if a <= 0.0 { 0.0 } else { 1.0 })),
        Activation::LeakyRelu { slope } => (
            format!("(1 where {of} > 0, else {})", number(slope)),
            a.map(&|a| if a <= 0.0 { slope } else { 1.0 }),
        ),
        Activation::Sigmoid => (format!("{out}·(1 − {out})"), y.map(&|y| y * (1.0 - y))),
        Activation::Tanh => (format!("(1 − {out}²)"), y.map(&|y| 1.0 - y * y)),
        Activation::Gelu => {
            (format!("gelu′({of})"), a.map(&|a| normal_cdf(a) + a * (-0.5 * a * a).exp() / (2.0 * PI).sqrt()))
        }
        Activation::GeluTanh => (
            format!("gelu_tanh′({of})"),
            a.map(&|a| {
                let t = gelu_tanh(a);
                let inner = (2.0 / PI).sqrt() * (1.0 + 3.0 * 0.044715 * a * a);
                0.5 * (1.0 + t) + 0.5 * a * (1.0 - t * t) * inner
            }),
        ),
    }
}

/// The reduction to one number; for the maximum also its index.
pub(super) fn reduced(operation: &Operation, a: &Value) -> (Value, Vec<u32>) {
    let sum = || a.numbers().iter().sum::<f64>();
    match operation {
        Operation::Sum => (Value::scalar(sum()), Vec::new()),
        Operation::Mean => (Value::scalar(sum() / a.numbers().len() as f64), Vec::new()),
        Operation::Max => {
            let at = largest(a);
            (Value::scalar(a.numbers()[at]), vec![at as u32])
        }
        other => unreachable!("{other:?} does not reduce"),
    }
}

/// The derivative of that number with respect to each element.
pub(super) fn reduced_derivative(operation: &Operation, a: &Value, names: &Names<'_>) -> Derivative {
    let count = a.numbers().len();
    let (symbol, value) = match operation {
        Operation::Sum => ("1".to_owned(), a.map(&|_| 1.0)),
        Operation::Mean => (format!("1/{count}"), a.map(&|_| 1.0 / count as f64)),
        Operation::Max => {
            let mut value = a.map(&|_| 0.0);
            value.numbers_mut()[largest(a)] = 1.0;
            (format!("[largest of {}]", names.operands[0]), value)
        }
        other => unreachable!("{other:?} does not reduce"),
    };
    Derivative::Local { symbol, value }
}

fn largest(a: &Value) -> usize {
    let mut at = 0;
    for (i, &v) in a.numbers().iter().enumerate() {
        if !first_is_larger(a.numbers()[at], v) {
            at = i;
        }
    }
    at
}

/// 1 / (1 + exp(−a)), written so that no exponential overflows.
fn sigmoid(a: f64) -> f64 {
    if a >= 0.0 { 1.0 / (1.0 + (-a).exp()) } else { a.exp() / (1.0 + a.exp()) }
}

/// Φ(a) = ½ (1 + erf(a / √2)), the standard normal distribution function.
fn normal_cdf(a: f64) -> f64 {
    0.5 * libm::erfc(-a * FRAC_1_SQRT_2)
}

/// The tanh in the formula of `gelu_tanh`.
fn gelu_tanh(a: f64) -> f64 {
    ((2.0 / PI).sqrt() * (a + 0.044715 * a * a * a)).tanh()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_is_z_times_the_normal_distribution_function() {
        // z · Φ(z), with Φ from tables of the normal distribution.
        for (z, exact) in
            [(-2.0, -2.0 * 0.022_750_13), (-1.0, -0.158_655_25), (0.0, 0.0), (1.0, 0.841_344_75)]
        {
            for (activation, tolerance) in [(Activation::Gelu, 2e-8), (Activation::GeluTanh, 5e-4)] {
                let (found, _) = unary(&Operation::Activation(activation), &Value::scalar(z));
                assert!((found.numbers()[0] - exact).abs() < tolerance, "{activation:?} of {z}: {found}");
            }
        }
    }

    #[test]
    fn the_sigmoid_of_huge_numbers_is_not_nan() {
        assert_eq!([-1e4, 0.0, 1e4].map(sigmoid), [0.0, 0.5, 1.0]);
    }
}
