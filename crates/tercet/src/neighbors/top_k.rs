//! [`TopK`]: the k nearest rows found so far.

use std::collections::BinaryHeap;

use super::metric::Key;

/// The k smallest of the (key, index) pairs offered so far.
///
/// Once there are k rows, a row is accepted only if it comes before the worst of them: one comparison rejects almost
/// all rows. If rows are offered in ascending index, a row that ties with the worst is always rejected, and need not be
/// offered; in any other order it must be.
pub(super) struct TopK<K> {
    k: usize,
    /// A max-heap with the worst on top.
    heap: BinaryHeap<(K, u32)>,
}

impl<K: Key> TopK<K> {
    /// # Panics
    /// If k is 0.
    pub fn new(k: usize) -> Self {
        assert!(k > 0, "at least one neighbour");
        TopK { k, heap: BinaryHeap::with_capacity(k) }
    }

    /// The key above which no row is accepted; `None` until there are k rows.
    pub fn threshold(&self) -> Option<K> {
        if self.heap.len() < self.k { None } else { self.heap.peek().map(|worst| worst.0) }
    }

    /// k.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Offers a row that was not offered before. Returns whether it is one of the k smallest so far.
    pub fn offer(&mut self, key: K, index: u32) -> bool {
        if self.heap.len() < self.k {
            self.heap.push((key, index));
            return true;
        }
        match self.heap.peek_mut() {
            Some(mut worst) if (key, index) < *worst => {
                *worst = (key, index);
                true
            }
            _ => false,
        }
    }

    /// Writes the rows, nearest first.
    pub fn write(self, indices: &mut [u32], distances: &mut [f64]) {
        let sorted = self.heap.into_sorted_vec();
        for ((key, row), (index, distance)) in sorted.into_iter().zip(indices.iter_mut().zip(distances)) {
            *index = row;
            *distance = key.distance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::metric::ByteL1;

    #[test]
    fn the_first_of_equal_rows_stay() {
        let mut best = TopK::new(3);
        for (index, key) in [5, 2, 5, 5, 2, 9, 5].into_iter().enumerate() {
            best.offer(ByteL1(key), index as u32);
        }
        let (mut indices, mut distances) = ([0; 3], [0.0; 3]);
        best.write(&mut indices, &mut distances);
        assert_eq!((indices, distances), ([1, 4, 0], [2.0, 2.0, 5.0]));
        let mut backwards = TopK::new(3);
        for (index, key) in [5, 2, 5, 5, 2, 9, 5].into_iter().enumerate().rev() {
            backwards.offer(ByteL1(key), index as u32);
        }
        backwards.write(&mut indices, &mut distances);
        assert_eq!((indices, distances), ([1, 4, 0], [2.0, 2.0, 5.0]));
    }

    #[test]
    fn the_threshold_is_the_worst_of_k_rows_and_none_before_there_are_k() {
        let mut best = TopK::new(2);
        assert_eq!((best.k(), best.threshold()), (2, None));
        assert!(best.offer(ByteL1(7), 0));
        assert_eq!(best.threshold(), None);
        assert!(best.offer(ByteL1(9), 1));
        assert_eq!(best.threshold(), Some(ByteL1(9)));
        assert!(!best.offer(ByteL1(9), 2));
        assert!(best.offer(ByteL1(8), 3));
        assert_eq!(best.threshold(), Some(ByteL1(8)));
    }

    #[test]
    #[should_panic(expected = "at least one neighbour")]
    fn k_must_be_at_least_one() {
        TopK::<ByteL1>::new(0);
    }
}
