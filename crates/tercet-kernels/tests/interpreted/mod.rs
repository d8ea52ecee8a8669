//! Reduces a suite under Miri, which interprets the code and takes a thousand times as long.

/// All of these, or `count` of them under Miri: the first one, and others at equal steps.
pub fn few<T: Clone>(all: &[T], count: usize) -> Vec<T> {
    let step = if cfg!(miri) { all.len().div_ceil(count) } else { 1 };
    all.iter().step_by(step).cloned().collect()
}
