//! Gradient clipping by global norm.

use crate::network::Gradient;

/// Scales the gradients, taken together as one vector, down to the norm `most` if theirs is larger.
///
/// The norm is summed in f64 in a fixed order. A norm that is NaN or infinite scales nothing: the parameters become
/// non-finite, and the training reports divergence.
pub(super) fn clip(gradients: &mut [Gradient], most: f32) {
    let squares = |values: &[f32]| values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>();
    let norm = gradients.iter().map(|g| squares(&g.dw) + squares(&g.db)).sum::<f64>().sqrt();
    if norm.is_finite() && norm > f64::from(most) {
        let scale = (f64::from(most) / norm) as f32;
        for gradient in gradients {
            gradient.dw.iter_mut().chain(&mut gradient.db).for_each(|g| *g *= scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_gradients_together_are_scaled_to_the_norm_or_left_alone() {
        // 2² + 4² + 5² + 6² = 81.
        let gradients =
            vec![Gradient { dw: vec![2.0, 4.0], db: vec![] }, Gradient { dw: vec![-5.0], db: vec![6.0] }];
        let mut clipped = gradients.clone();
        clip(&mut clipped, 9.0);
        assert_eq!(clipped, gradients);
        clip(&mut clipped, 4.5);
        assert_eq!((&clipped[0].dw[..], clipped[1].dw[0], clipped[1].db[0]), (&[1.0, 2.0][..], -2.5, 3.0));
    }

    #[test]
    fn non_finite_gradients_are_not_hidden() {
        let mut gradients = [Gradient { dw: vec![f32::INFINITY, 1.0], db: vec![f32::NAN] }];
        clip(&mut gradients, 1.0);
        assert!(gradients[0].dw[0].is_infinite() && gradients[0].db[0].is_nan());
    }
}
