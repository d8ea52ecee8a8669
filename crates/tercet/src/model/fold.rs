//! Folds standardisation into the first layer.

use crate::network::{Dense, Layer, Network};
use crate::preprocess::{Preprocessing, Standardize, Step};

/// The largest |mean| / standard deviation for which standardisation can be folded into an f32 layer: the difference `x
/// − mean` then loses at most six of 24 bits.
const MOST_MEAN: f64 = 64.0;

/// The range of standard deviations by which a weight can be divided within f32.
const DEVIATIONS: std::ops::Range<f64> = 1e-18..1e18;

/// The network for raw f32 features that is equivalent to `network` for standardised ones, which avoids a pass over the
/// features. `None` if standardisation is not the only step, the first layer is not dense, or f32 is not precise
/// enough.
pub(super) fn fold(preprocessing: &Preprocessing, network: &Network) -> Option<Network> {
    let [Step::Standardize(standardize)] = preprocessing.steps() else { return None };
    let [Layer::Dense(first), rest @ ..] = network.layers() else { return None };
    let first = fold_into(standardize, first)?;
    let layers = std::iter::once(Layer::Dense(first)).chain(rest.iter().cloned()).collect();
    Network::with_input(network.input(), layers).ok()
}

/// ```text
/// W′ = W / deviation        b′ = b − Σ (mean / deviation) · W
/// ```
fn fold_into(standardize: &Standardize, dense: &Dense) -> Option<Dense> {
    let Standardize { mean, deviation } = standardize;
    let precise = |(&mean, &deviation): (&f64, &f64)| {
        deviation == 0.0 || (mean.abs() <= MOST_MEAN * deviation && DEVIATIONS.contains(&deviation))
    };
    if mean.len() != dense.inputs || !mean.iter().zip(deviation).all(precise) {
        return None;
    }
    let mut bias: Vec<f64> = dense.b.iter().map(|&b| f64::from(b)).collect();
    let mut w = vec![0f32; dense.w.len()];
    let rows = w.chunks_exact_mut(dense.outputs).zip(dense.w.chunks_exact(dense.outputs));
    for ((w, old), (&mean, &deviation)) in rows.zip(mean.iter().zip(deviation)) {
        // The weights of a constant column remain 0.
        if deviation > 0.0 {
            for ((w, &old), bias) in w.iter_mut().zip(old).zip(&mut bias) {
                let scaled = f64::from(old) / deviation;
                *w = scaled as f32;
                *bias -= mean * scaled;
            }
        }
    }
    Some(Dense { w, b: bias.into_iter().map(|b| b as f32).collect(), ..*dense })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Examples;
    use crate::network::Init;
    use crate::preprocess::{Learner, Spec};

    fn fitted(examples: &Examples) -> Preprocessing {
        Preprocessing::fit(&Spec::default(), Learner::Weights, examples).unwrap()
    }

    #[test]
    fn a_folded_network_computes_the_same_scores() {
        let value = |i: usize| (i * 7919 % 1009) as f32 / 50.0 + (i % 3) as f32 * 9.0;
        // The last column is constant.
        let values = (0..800).map(|i| if i % 4 == 3 { 7.0 } else { value(i) }).collect();
        let examples = Examples::from_features(4, values).unwrap();
        let preprocessing = fitted(&examples);
        let network = Network::fully_connected(4, &[9], 3, Init::He, 1).unwrap();
        let folded = fold(&preprocessing, &network).unwrap();
        let expected = network.scores(&preprocessing.apply(&examples).unwrap()).unwrap();
        let found = folded.scores(&examples).unwrap();
        for (found, expected) in found.values().iter().zip(expected.values()) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }

    #[test]
    fn offsets_beyond_the_precision_of_f32_are_not_folded() {
        let times = Examples::from_features(1, (0..100).map(|i| 1e5 + i as f32).collect()).unwrap();
        let network = Network::fully_connected(1, &[], 2, Init::He, 1).unwrap();
        assert!(fold(&fitted(&times), &network).is_none());
    }
}
