//! Adam (Kingma and Ba 2015) and its decoupled weight decay (Loshchilov and Hutter 2019).

/// The constants of one step: what is the same for all parameters.
pub(super) struct Step {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// `lr / (1 − β1^t)`.
    rate: f32,
    /// `1 / √(1 − β2^t)`.
    root_correction: f32,
    /// `lr · λ`.
    decay: f32,
}

impl Step {
    /// Step number `t`, counted from 1. Early on m and v are still near the zeros they began as; their corrections are
    /// computed in f64, since 1 − 0.999 has lost four of its digits in f32.
    pub(super) fn new(
        beta1: f32,
        beta2: f32,
        epsilon: f32,
        t: usize,
        learning_rate: f32,
        weight_decay: f32,
    ) -> Self {
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(t as f64);
        Step {
            beta1,
            beta2,
            epsilon,
            rate: (f64::from(learning_rate) / correction(beta1)) as f32,
            root_correction: correction(beta2).sqrt().recip() as f32,
            decay: learning_rate * weight_decay,
        }
    }

    /// Takes the step.
    ///
    /// # Shapes
    /// All four arrays have the same length.
    pub(super) fn take(&self, w: &mut [f32], dw: &[f32], m: &mut [f32], v: &mut [f32]) {
        let &Step { beta1, beta2, epsilon, rate, root_correction, decay } = self;
        for (((w, &dw), m), v) in w.iter_mut().zip(dw).zip(m).zip(v) {
            *m = beta1 * *m + (1.0 - beta1) * dw;
            *v = beta2 * *v + (1.0 - beta2) * dw * dw;
            *w -= decay * *w + rate * *m / (v.sqrt() * root_correction + epsilon);
        }
    }
}
