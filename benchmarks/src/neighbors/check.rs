//! Whether two engines found the same neighbours, up to ties and to what their arithmetic can tell apart.
//!
//! An engine is judged by the rows that it names, never by the distances that it tells. The distance of each is
//! computed anew, exactly, and put in order; so rows at equal distances may stand for each other.
//!
//! Tercet claims to be exact, and is held to it by every peer on every query: if a peer names a row that is nearer
//! than ours of the same rank, ours is wrong. In the other direction peers have a tolerance, as most of them compute in
//! f32. An engine that orders rows by distances with an error of at most e each may name, at a rank, a row that is at
//! most 2 e farther than the right one: the rows that belong before it appear to be at most e farther than they are,
//! and it appears to be at most e nearer. [`Measure::error`] bounds e. What differs within that tolerance is no error;
//! the queries for which it happens are counted.

use anyhow::{Result, bail, ensure};
use tercet::data::Examples;

use super::distance::Measure;

/// What is searched, and for what.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The rows to choose from.
    pub rows: Examples,
    /// What to find neighbours of.
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

/// The rows that an engine named, (queries, k), nearest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Lists {
    /// How many for each query.
    pub k: usize,
    /// Which rows.
    pub indices: Vec<u32>,
}

/// How the numbers are rounded that an engine orders rows by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arithmetic {
    /// Not at all on bytes; in f64 on floats.
    Exact,
    /// To f32.
    Single,
}

impl Arithmetic {
    /// The unit roundoff. Cosines are never exact here, as [`Measure::between`] rounds them itself.
    fn unit(self, measure: Measure, problem: &Problem) -> f64 {
        match self {
            Arithmetic::Single => f64::from(f32::EPSILON) / 2.0,
            Arithmetic::Exact if problem.rows.is_pixels() && measure != Measure::Cosine => 0.0,
            Arithmetic::Exact => f64::EPSILON / 2.0,
        }
    }
}

/// Holds the lists of a peer against ours, for as many queries as the peer was asked. Returns for how many of them
/// the distances differ at some rank.
///
/// # Errors
/// A row that is named twice for a query; a peer's row that is nearer than ours, or farther than its arithmetic
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

/// The distances of the rows that were named for a query, nearest first.
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
        bail!("query {q}: row {} is named twice", twice[0]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::{bytes, floats};

    /// Rows 0 to 7 on a line, row 5 being where row 4 is; the queries stand at 0 and at 9.
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
        assert_eq!(twice, "query 0: row 1 is named twice");
        let twice = compared(&[0, 0, 2, 7, 6, 4], &right, Arithmetic::Exact).unwrap_err().to_string();
        assert_eq!(twice, "query 0: row 0 is named twice");
    }

    #[test]
    fn a_fault_of_rounding_is_counted_in_f32_and_refused_where_an_engine_is_exact() {
        // Two rows whose squared distances from the query differ by 507 in 5 · 10⁷: sums in f32 may confuse them.
        let mut rows = vec![255; 2 * 784];
        (rows[3], rows[784 + 3]) = (254, 253);
        let problem = Problem::new(bytes(784, rows), bytes(784, vec![0; 784]));
        let (ours, theirs) = (Lists { k: 1, indices: vec![1] }, Lists { k: 1, indices: vec![0] });
        assert_eq!(compare(&problem, Measure::L2, &ours, &theirs, Arithmetic::Single).unwrap(), 1);
        let error = compare(&problem, Measure::L2, &ours, &theirs, Arithmetic::Exact).unwrap_err();
        assert!(error.to_string().contains("explains 0e0"), "{error}");
        // The same in the other direction is our mistake, whatever the peer computes in.
        assert!(compare(&problem, Measure::L2, &theirs, &ours, Arithmetic::Single).is_err());
    }

    #[test]
    fn floats_are_judged_by_f64_and_a_wrong_answer_is_caught() {
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
    fn a_peer_may_be_asked_fewer_queries() {
        let fewer = Lists { k: 3, indices: vec![0, 1, 2] };
        let compared =
            compare(&problem(), Measure::L2, &lists(&[0, 1, 2, 7, 6, 4]), &fewer, Arithmetic::Exact);
        assert_eq!(compared.unwrap(), 0);
        let more = lists(&[0, 1, 2, 7, 6, 4]);
        assert!(compare(&problem(), Measure::L2, &fewer, &more, Arithmetic::Exact).is_err());
    }
}
