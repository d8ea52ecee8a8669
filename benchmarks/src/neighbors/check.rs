//! Whether two engines found the same neighbours, up to ties and to the precision of their arithmetic.
//!
//! Only the rows that an engine returns are compared, never its distances. The distances are recomputed
//! exactly and sorted, so rows at equal distances are interchangeable.
//!
//! Tercet claims to be exact, and every query of every peer tests that: if a peer returns a row that is
//! nearer than Tercet's of the same rank, Tercet is wrong. In the other direction there is a tolerance,
//! because most peers compute in f32. An engine that sorts rows by distances with an error of at most e each
//! may return, at some rank, a row that is at most 2 e farther than the correct one: the rows that belong
//! before it appear at most e farther than they are, and it appears at most e nearer. [`Measure::error`]
//! bounds e. Differences within the tolerance are not errors; the queries that have any are counted.

use anyhow::{Result, bail, ensure};
use tercet::data::Examples;

use super::distance::Measure;

/// Rows, and queries whose neighbours among them are searched.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The rows that are searched.
    pub rows: Examples,
    /// The queries.
    pub queries: Examples,
    /// The classes of the rows, if they have any.
    pub labels: Option<Vec<u32>>,
}

impl Problem {
    /// A search among rows without classes.
    pub fn new(rows: Examples, queries: Examples) -> Self {
        Problem { rows, queries, labels: None }
    }

    /// The same queries among the first rows.
    pub fn first_rows(&self, rows: usize) -> Self {
        let labels = self.labels.as_ref().map(|labels| labels.iter().take(rows).copied().collect());
        Problem { rows: self.rows.first(rows), queries: self.queries.clone(), labels }
    }

    /// The first queries among the same rows.
    pub fn first_queries(&self, queries: usize) -> Self {
        Problem { queries: self.queries.first(queries), ..self.clone() }
    }
}

/// The rows that an engine returned, (queries, k), nearest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Lists {
    /// The number of neighbours of each query.
    pub k: usize,
    /// The indices of the rows.
    pub indices: Vec<u32>,
}

/// The rounding of the distances by which an engine sorts rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arithmetic {
    /// None on bytes; that of f64 on floats.
    Exact,
    /// That of f32.
    Single,
}

impl Arithmetic {
    /// The unit roundoff. Cosines are never exact, because [`Measure::between`] rounds them itself.
    fn unit(self, measure: Measure, problem: &Problem) -> f64 {
        match self {
            Arithmetic::Single => f64::from(f32::EPSILON) / 2.0,
            Arithmetic::Exact if problem.rows.is_pixels() && measure != Measure::Cosine => 0.0,
            Arithmetic::Exact => f64::EPSILON / 2.0,
        }
    }
}

/// Compares the lists of a peer with ours, for the queries of the peer. Returns for how many of them the
/// distances differ at some rank.
///
/// # Errors
/// A row that occurs twice for a query; a peer's row that is nearer than ours, or farther than its arithmetic
/// explains.
pub fn compare(
    problem: &Problem,
    measure: Measure,
    ours: &Lists,
    peer: &Lists,
    arithmetic: Arithmetic,
) -> Result<usize> {
    let k = ours.k;
    ensure!(peer.k == k && peer.indices.len() <= ours.indices.len(), "lists of other queries");
    let unit = arithmetic.unit(measure, problem);
    let own_unit = Arithmetic::Exact.unit(measure, problem);
    let mut differing = 0;
    for (q, (ours, theirs)) in ours.indices.chunks_exact(k).zip(peer.indices.chunks_exact(k)).enumerate() {
        expect_distinct(q, theirs)?;
        expect_distinct(q, ours)?;
        if ours == theirs {
            continue;
        }
        let error = |unit: f64| {
            let of = |&x: &u32| measure.error(unit, &problem.queries, q, &problem.rows, x as usize);
            ours.iter().chain(theirs).map(of).fold(0.0, f64::max)
        };
        let (tolerance, own) = (2.0 * error(unit), 2.0 * error(own_unit));
        let (ours, theirs) = (distances(problem, measure, q, ours), distances(problem, measure, q, theirs));
        let mut differs = false;
        for (rank, (&our, &their)) in ours.iter().zip(&theirs).enumerate() {
            let place = || format!("query {q}, neighbour {}", rank + 1);
            if their < our - own {
                bail!(
                    "{}: the peer found a row at {their} ({}), Tercet one at {our}",
                    place(),
                    measure.name()
                );
            }
            if their > our + tolerance.max(own) {
                bail!(
                    "{}: the peer found a row at {their} ({}), {:e} farther than Tercet's at {our}; its arithmetic \
                     explains {tolerance:e}",
                    place(),
                    measure.name(),
                    their - our
                );
            }
            differs |= (their - our).abs() > own;
        }
        differing += usize::from(differs);
    }
    Ok(differing)
}

/// The distances of the rows that were returned for a query, in order.
fn distances(problem: &Problem, measure: Measure, q: usize, rows: &[u32]) -> Vec<f64> {
    let distance = |&x: &u32| measure.between(&problem.queries, q, &problem.rows, x as usize);
    let mut distances: Vec<f64> = rows.iter().map(distance).collect();
    distances.sort_by(f64::total_cmp);
    distances
}

fn expect_distinct(q: usize, rows: &[u32]) -> Result<()> {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("query {q}: row {} occurs twice", twice[0]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::{bytes, floats};

    /// Rows 0 to 7 on a line, of which 4 and 5 are equal; the queries are at 0 and at 9.
    fn problem() -> Problem {
        Problem::new(bytes(1, vec![0, 1, 2, 3, 4, 4, 6, 7]), bytes(1, vec![0, 9]))
    }

    fn lists(indices: &[u32]) -> Lists {
        Lists { k: indices.len() / 2, indices: indices.to_vec() }
    }

    fn compared(ours: &[u32], theirs: &[u32], arithmetic: Arithmetic) -> Result<usize> {
        compare(&problem(), Measure::L2, &lists(ours), &lists(theirs), arithmetic)
    }

    #[test]
    fn equal_lists_agree_and_so_do_ties_in_any_order() {
        for arithmetic in [Arithmetic::Exact, Arithmetic::Single] {
            assert_eq!(compared(&[0, 1, 2, 7, 6, 4], &[0, 1, 2, 7, 6, 4], arithmetic).unwrap(), 0);
            assert_eq!(compared(&[0, 1, 2, 7, 6, 4], &[0, 1, 2, 7, 6, 5], arithmetic).unwrap(), 0);
            assert_eq!(compared(&[0, 1, 2, 7, 6, 4], &[1, 0, 2, 7, 6, 4], arithmetic).unwrap(), 0);
        }
    }

    #[test]
    fn a_planted_wrong_answer_is_caught_on_either_side() {
        let right = [0, 1, 2, 7, 6, 4];
        for wrong in [[0, 1, 3, 7, 6, 4], [0, 1, 2, 7, 6, 3], [5, 1, 2, 7, 6, 4]] {
            for arithmetic in [Arithmetic::Exact, Arithmetic::Single] {
                let theirs = compared(&right, &wrong, arithmetic).unwrap_err().to_string();
                assert!(theirs.contains("farther than Tercet's"), "{theirs}");
                let ours = compared(&wrong, &right, arithmetic).unwrap_err().to_string();
                assert!(ours.contains("Tercet one at"), "{ours}");
            }
        }
        let twice = compared(&right, &[0, 1, 1, 7, 6, 4], Arithmetic::Single).unwrap_err().to_string();
        assert_eq!(twice, "query 0: row 1 occurs twice");
        let twice = compared(&[0, 0, 2, 7, 6, 4], &right, Arithmetic::Exact).unwrap_err().to_string();
        assert_eq!(twice, "query 0: row 0 occurs twice");
    }

    #[test]
    fn a_rounding_error_is_counted_in_f32_and_rejected_for_an_exact_engine() {
        // Two rows whose squared distances from the query differ by 507 in 5 · 10⁷, which sums in f32 may not
        // resolve.
        let mut rows = vec![255; 2 * 784];
        (rows[3], rows[784 + 3]) = (254, 253);
        let problem = Problem::new(bytes(784, rows), bytes(784, vec![0; 784]));
        let (ours, theirs) = (Lists { k: 1, indices: vec![1] }, Lists { k: 1, indices: vec![0] });
        assert_eq!(compare(&problem, Measure::L2, &ours, &theirs, Arithmetic::Single).unwrap(), 1);
        let error = compare(&problem, Measure::L2, &ours, &theirs, Arithmetic::Exact).unwrap_err();
        assert!(error.to_string().contains("explains 0e0"), "{error}");
        // In the other direction it is our error, whatever the arithmetic of the peer.
        assert!(compare(&problem, Measure::L2, &theirs, &ours, Arithmetic::Single).is_err());
    }

    #[test]
    fn floats_are_compared_in_f64_and_a_wrong_answer_is_caught() {
        let rows = floats(2, vec![0.0, 0.0, 3.0, 4.0, 3.0, 4.1]);
        let problem = Problem::new(rows, floats(2, vec![3.0, 4.0]));
        let one = |row| Lists { k: 1, indices: vec![row] };
        for measure in [Measure::L1, Measure::L2, Measure::L3, Measure::Cosine] {
            assert_eq!(compare(&problem, measure, &one(1), &one(1), Arithmetic::Single).unwrap(), 0);
            assert!(compare(&problem, measure, &one(1), &one(2), Arithmetic::Single).is_err(), "{measure:?}");
        }
        assert!(compare(&problem, Measure::Dot, &one(2), &one(1), Arithmetic::Single).is_err());
    }

    #[test]
    fn a_peer_may_have_fewer_queries() {
        let fewer = Lists { k: 3, indices: vec![0, 1, 2] };
        let compared =
            compare(&problem(), Measure::L2, &lists(&[0, 1, 2, 7, 6, 4]), &fewer, Arithmetic::Exact);
        assert_eq!(compared.unwrap(), 0);
        let more = lists(&[0, 1, 2, 7, 6, 4]);
        assert!(compare(&problem(), Measure::L2, &fewer, &more, Arithmetic::Exact).is_err());
    }
}
