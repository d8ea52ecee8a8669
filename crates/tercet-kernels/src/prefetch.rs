//! Prefetch hints to the cache.

/// Prefetches the memory of a slice, cache line by cache line, without waiting for it. A search that has a list of the
/// rows it will read next prefetches all of them first, so that the memory latencies overlap. It changes no result; on
/// processors for which Rust has no such instruction it does nothing.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    lines::<T, { std::arch::x86_64::_MM_HINT_T0 }>(values);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Like [`prefetch`], for data that is used so much later that it should not occupy the first-level cache until then.
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
