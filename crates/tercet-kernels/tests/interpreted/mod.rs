//! What a suite leaves out under Miri, which interprets the code and takes a thousand times as long.

/// All of these, or so many of them under Miri: the first, and others at equal steps.
pub fn few<T: Clone>(all: &[T], count: usize) -> Vec<T> {
    let step = if cfg!(miri) { all.len().div_ceil(count) } else { 1 };
    all.iter().step_by(step).cloned().collect()
}
