//! The alignment of large memory blocks, and when they are returned to the system.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system allocator, except that blocks of a kilobyte or more are aligned to a cache line. A program opts in like
/// this:
///
/// ```
/// use tercet_kernels::allocator::CacheLineAligned;
///
/// #[global_allocator]
/// static ALLOCATOR: CacheLineAligned = CacheLineAligned;
///
/// let weights = vec![0.0f32; 1000];
/// assert!(weights.as_ptr().addr().is_multiple_of(64));
/// ```
///
/// A `Vec<f32>` is not otherwise aligned to a cache line, and glibc starts all of its large blocks 16 bytes into a
/// line. A 64-byte register then straddles two cache lines on every load and store, which costs up to twice as much; a
/// row of weights would have to be copied first. Array libraries align their allocations in the same way for the same
/// reason.
///
/// A block is one cache line longer than requested, and the pointer returned by the system is stored just before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheLineAligned;

/// The length of a cache line in bytes.
const LINE: usize = 64;

/// Smaller blocks, in bytes, are passed on to the system allocator unchanged.
const LEAST: usize = 1 << 10;

/// The layout requested from the system, if it differs from `layout` and is valid.
fn outer(layout: Layout) -> Option<Layout> {
    // At least pointer alignment, which the system provides anyway, so that there is room for a pointer before the
    // line.
    let align = layout.align().max(align_of::<*mut u8>());
    let moved = layout.size() >= LEAST && align <= 8;
    if moved { Layout::from_size_align(layout.size().checked_add(LINE)?, align).ok() } else { None }
}

/// The offset of the first whole cache line in a block that begins at `base`: at least a pointer's size, at most a
/// line.
fn to_line(base: *mut u8) -> usize {
    LINE - base.addr() % LINE
}

/// The address handed out from a system block; null for null.
///
/// # Safety
/// `base` is null, or aligned for a pointer and followed by `LINE` bytes.
unsafe fn hand_out(base: *mut u8) -> *mut u8 {
    if base.is_null() {
        return base;
    }
    // SAFETY: the line begins inside the block, at least a pointer's size after its beginning, as both are aligned for
    // pointers.
    unsafe {
        let line = base.add(to_line(base));
        line.cast::<*mut u8>().sub(1).write(base);
        line
    }
}

/// The pointer returned by the system for a handed-out block.
///
/// # Safety
/// `line` comes from [`hand_out`].
unsafe fn base_of(line: *mut u8) -> *mut u8 {
    // SAFETY: `hand_out` wrote it there.
    unsafe { line.cast::<*mut u8>().sub(1).read() }
}

// SAFETY: every block either is a system block or lies inside one that is `LINE` bytes longer and begins at most a line
// before it, with the same or a larger alignment. Its layout determines which of the two it is, and the caller must
// pass the same layout when freeing it.
unsafe impl GlobalAlloc for CacheLineAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system allocator requires; `hand_out` gets a block of the
        // length it requires.
        unsafe {
            match outer(layout) {
                Some(outer) => hand_out(System.alloc(outer)),
                None => System.alloc(layout),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above. The stored pointer lies before the block, which stays zero.
        unsafe {
            match outer(layout) {
                Some(outer) => hand_out(System.alloc_zeroed(outer)),
                None => System.alloc_zeroed(layout),
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller passes the layout that the block was allocated with, so it came from the same arm of
        // `alloc`.
        unsafe {
            match outer(layout) {
                Some(outer) => System.dealloc(base_of(block), outer),
                None => System.dealloc(block, layout),
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is valid for a layout. If both blocks lie inside longer ones, the
        // system reallocates the longer one, and its contents may then have a different offset from the cache line;
        // otherwise a new block is allocated, filled, and the old one freed as usual.
        unsafe {
            let new = Layout::from_size_align_unchecked(size, layout.align());
            match (outer(layout), outer(new)) {
                (None, None) => System.realloc(block, layout, size),
                (Some(from), Some(to)) => {
                    let base = base_of(block);
                    let before = block.offset_from_unsigned(base);
                    let base = System.realloc(base, from, to.size());
                    if base.is_null() {
                        return base;
                    }
                    let held = base.add(before);
                    let line = base.add(to_line(base));
                    if held != line {
                        line.copy_from(held, layout.size().min(size));
                    }
                    hand_out(base)
                }
                _ => {
                    let to = self.alloc(new);
                    if !to.is_null() {
                        to.copy_from_nonoverlapping(block, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    to
                }
            }
        }
    }
}

/// Makes every block of 128 KiB or more return to the system as soon as it is freed.
///
/// That is glibc's initial behaviour. But each time a larger block is freed, glibc raises the threshold: it then keeps
/// freed blocks up to that size, and up to twice as much free memory at the top of the heap. Reading MNIST takes
/// windows of 12 MB, and after that smaller blocks leave gaps. A program that needs a few large blocks for a long time
/// and should use no more memory than necessary calls this first. A program that allocates large blocks again and again
/// would only be slowed down.
///
/// Does nothing with other allocators.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers and changes a setting of the allocator under its own lock. The result,
    // whether it supports the parameter, can be ignored.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of every kind, grown and shrunk past the limit and back, keep their contents and are aligned correctly.
    #[test]
    fn blocks_keep_their_contents_and_begin_at_cache_lines() {
        let sizes = [1, 100, LEAST - 1, LEAST, LEAST + 1, 5000, 3 << 20, 200_000, 2000, LEAST, 10, 70_000];
        for align in [1, 4, 8, 16, 64, 128] {
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            let byte = |i: usize| (i * 31 + align) as u8;
            // SAFETY: every block is used within its size, and freed with its own layout.
            unsafe {
                let mut size = sizes[0];
                let mut block = CacheLineAligned.alloc(layout(size));
                block.write(byte(0));
                for next in sizes.into_iter().filter(|&size| !cfg!(miri) || size <= 5000) {
                    block = CacheLineAligned.realloc(block, layout(size), next);
                    assert!(!block.is_null());
                    let wanted = if next >= LEAST && align <= 8 { LINE } else { align };
                    assert!(block.addr().is_multiple_of(wanted), "{align}: {next}");
                    for i in 0..size.min(next) {
                        assert_eq!(block.add(i).read(), byte(i), "{align}: {size} to {next} at {i}");
                    }
                    (size.min(next)..next).for_each(|i| block.add(i).write(byte(i)));
                    size = next;
                }
                CacheLineAligned.dealloc(block, layout(size));

                let zeroed = CacheLineAligned.alloc_zeroed(layout(70_000));
                assert!((0..70_000).all(|i| zeroed.add(i).read() == 0));
                CacheLineAligned.dealloc(zeroed, layout(70_000));
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends where there is no such block")]
    fn a_failed_allocation_returns_null() {
        // Without `black_box` the compiler assumes that an unused allocation succeeds.
        let is_null = |block| std::hint::black_box::<*mut u8>(block).is_null();
        for size in [isize::MAX as usize - 8, isize::MAX as usize - 80] {
            let most = Layout::from_size_align(size, 8).unwrap();
            // SAFETY: the size is not 0, and nothing is read.
            unsafe {
                assert!(is_null(CacheLineAligned.alloc(most)) && is_null(CacheLineAligned.alloc_zeroed(most)))
            };
        }
    }
}
