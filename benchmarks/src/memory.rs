//! Bytes that this program holds, counted by its allocator. Counting costs an addition for each allocation, which the
//! work measured here does not notice: it allocates little and in large pieces.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What making something took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// Held by what was made, once it is there.
    pub held: usize,
    /// Held at the worst moment of the making, what is left in the end included.
    pub peak: usize,
}

/// Makes something and says what it took. Whatever other threads allocate in the meantime counts too.
pub fn of_making<T>(make: impl FnOnce() -> T) -> (T, Bytes) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let made = make();
    let held = ALLOCATOR.current_usage().saturating_sub(before);
    (made, Bytes { held, peak: ALLOCATOR.peak_usage().saturating_sub(before) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_and_what_was_needed_on_the_way_are_told_apart() {
        // Tests beside this one allocate too, but no megabytes.
        const MANY: usize = 64 << 20;
        let (kept, bytes) = of_making(|| {
            let on_the_way = vec![1u8; 2 * MANY];
            vec![on_the_way[MANY]; MANY]
        });
        assert_eq!(kept.len(), MANY);
        let near = |found: usize, expected: usize| found.abs_diff(expected) < MANY / 8;
        assert!(near(bytes.held, MANY) && near(bytes.peak, 3 * MANY), "{bytes:?}");
    }
}
