//! Projects the dual variables so that they balance for every class.
//!
//! Since the bias is not regularised, the dual variables give a bound on the loss only if, for each class c, the
//! outflow (Σ of the variables of its examples) equals the inflow (Σ of the variables for c of all other examples).
//! Read as a flow from y to c, the sums over the examples of each class must form a circulation. The solver's variables
//! do so only approximately.

use std::collections::VecDeque;

/// Reduces the flows (C, C) to a circulation, along shortest paths: each surplus is routed to a deficit, and the flow
/// along the path is lowered by that amount.
///
/// A flow that leaves a surplus class and does not come back ends in a deficit class, so there is always a path.
pub(super) fn balance(flows: &mut [f64], classes: usize) {
    let mut surplus = surpluses(flows, classes);
    let total: f64 = flows.iter().sum();
    // What remains is within the rounding of the sums themselves.
    let negligible = total * 1e-15;
    // Each path uses up a flow, a surplus or a deficit.
    for _ in 0..classes * classes + 2 * classes {
        let Some(from) = (0..classes).find(|&c| surplus[c] > negligible) else { return };
        let Some(path) = path(flows, &surplus, from) else { break };
        let to = *path.last().expect("a path has its ends");
        let edges = path.windows(2).map(|edge| edge[0] * classes + edge[1]);
        let amount = edges.clone().map(|edge| flows[edge]).fold(surplus[from].min(-surplus[to]), f64::min);
        edges.for_each(|edge| flows[edge] -= amount);
        surplus[from] -= amount;
        surplus[to] += amount;
    }
}

/// For each class, outflow minus inflow.
pub(super) fn surpluses(flows: &[f64], classes: usize) -> Vec<f64> {
    let mut surplus = vec![0.0; classes];
    for (y, row) in flows.chunks_exact(classes).enumerate() {
        for (c, flow) in row.iter().enumerate() {
            surplus[y] += flow;
            surplus[c] -= flow;
        }
    }
    surplus
}

/// The shortest path along flows from a class to a deficit class.
fn path(flows: &[f64], surplus: &[f64], from: usize) -> Option<Vec<usize>> {
    let classes = surplus.len();
    let mut before = vec![None; classes];
    let mut waiting = VecDeque::from([from]);
    while let Some(y) = waiting.pop_front() {
        if surplus[y] < 0.0 {
            let mut path = vec![y];
            while let Some(&last) = path.last()
                && last != from
            {
                path.push(before[last]?);
            }
            path.reverse();
            return Some(path);
        }
        for c in 0..classes {
            if c != from && before[c].is_none() && flows[y * classes + c] > 0.0 {
                before[c] = Some(y);
                waiting.push_back(c);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circulation_stays_as_it_is() {
        let circulation = [0.0, 2.0, 1.0, 2.0, 0.0, 3.0, 1.0, 3.0, 0.0];
        let mut flows = circulation;
        balance(&mut flows, 3);
        assert_eq!(flows, circulation);
    }

    #[test]
    fn flow_that_does_not_come_back_is_removed() {
        // 0 → 1 → 2, and no flow back.
        let mut flows = [0.0, 2.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0];
        balance(&mut flows, 3);
        assert_eq!(flows, [0.0; 9]);
    }

    #[test]
    fn flows_only_shrink_and_balance_after_it() {
        let mut state = 1u32;
        for classes in 1..9 {
            let mut flows: Vec<f64> = (0..classes * classes)
                .map(|at| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let number = if state >> 30 == 0 { 0.0 } else { f64::from(state >> 8) / 1e3 };
                    if at % (classes + 1) == 0 { 0.0 } else { number }
                })
                .collect();
            let before = flows.clone();
            balance(&mut flows, classes);
            assert!(flows.iter().zip(&before).all(|(now, before)| (0.0..=*before).contains(now)));
            let total: f64 = before.iter().sum();
            assert!(surpluses(&flows, classes).iter().all(|s| s.abs() <= 1e-12 * total), "{flows:?}");
            // Only a part of random flows is unbalanced.
            assert!(classes < 3 || flows.iter().sum::<f64>() > 0.2 * total, "{flows:?}");
        }
    }
}
