//! Adam (Kingma and Ba 2015) and its decoupled weight decay (Loshchilov and Hutter 2019).

use tercet_kernels::optimizer::Adam;

/// The constants of step number `t`, counted from 1, shared by all parameters. In early steps m and v are biased
/// towards their initial zeros. The bias corrections are computed in f64, since 1 − 0.999 has lost four of its digits
/// in f32.
pub(super) fn step(
    (beta1, beta2, epsilon): (f32, f32, f32),
    t: usize,
    learning_rate: f32,
    weight_decay: f32,
    reg: f32,
) -> Adam {
    let correction = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
    Adam {
        beta1,
        beta2,
        epsilon,
        rate: (f64::from(learning_rate) / correction(beta1)) as f32,
        root_correction: correction(beta2).sqrt().recip() as f32,
        decay: learning_rate * weight_decay,
        reg,
    }
}
