//! Bytes that this program holds, counted by its allocator.
//!
//! The counter passes every request on to the system's allocator as it is, pages of zeros included, and adds an
//! atomic addition to each: nothing that the work measured here would notice, as it allocates little and in large
//! pieces.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Makes something and says how many bytes it holds. What other threads allocate and keep in the meantime counts too.
pub fn held_by<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.allocated();
    let made = make();
    (made, ALLOCATOR.allocated().saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_counts_and_what_was_needed_on_the_way_does_not() {
        // Far more than the tests beside this one hold. Pages of zeros that nobody touches cost nothing.
        const MANY: usize = 1 << 30;
        let (kept, held) = held_by(|| {
            let on_the_way = vec![0u8; 2 * MANY];
            vec![on_the_way[MANY]; MANY]
        });
        assert_eq!(kept.len(), MANY);
        assert!(held.abs_diff(MANY) < MANY / 4, "{held} of {MANY}");
    }
}
