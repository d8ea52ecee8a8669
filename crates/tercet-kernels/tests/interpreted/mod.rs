//! What a suite leaves out under Miri, which interprets the code and takes a thousand times as long.

/// All of these, or three of them under Miri.
pub fn few<T: Clone>(all: &[T]) -> Vec<T> {
    let step = if cfg!(miri) { all.len().div_ceil(3) } else { 1 };
    all.iter().step_by(step).cloned().collect()
}
