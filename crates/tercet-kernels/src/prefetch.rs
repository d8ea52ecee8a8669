//! A word to the cache about what will be read soon.

/// Asks for the memory of a slice, line by line, without waiting for it. A search that knows which rows it will look at
/// next asks for all of them first: their journeys through the memory then overlap. Changes no result; on processors
/// for which Rust has no such instruction it does nothing.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    lines::<T, { std::arch::x86_64::_MM_HINT_T0 }>(values);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// The same for what is read so much later that the first-level cache has better things to hold until then.
#[inline]
pub fn prefetch_for_later<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    lines::<T, { std::arch::x86_64::_MM_HINT_T1 }>(values);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn lines<T, const HINT: i32>(values: &[T]) {
    const LINE: usize = 64;
    let start = values.as_ptr().cast::<i8>();
    for offset in (0..size_of_val(values)).step_by(LINE) {
        // SAFETY: every x86-64 processor has the instruction, it reads nothing that the program can see, and the
        // address stays inside the slice.
        unsafe { std::arch::x86_64::_mm_prefetch::<HINT>(start.add(offset)) };
    }
}
