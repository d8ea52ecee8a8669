//! Where memory comes from, and what becomes of it when it is given back.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, but blocks of a kilobyte or more begin where a line of the cache does. For a program to choose:
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
/// A list of f32 may begin anywhere, and glibc has all of its large blocks begin 16 bytes into a line. A register of 64
/// bytes then lies across two lines wherever it is loaded from or stored to, which costs up to twice as much; a row of
/// weights would have to be copied first. Array libraries allocate in the same way for the same reason.
///
/// A block is a line longer than it was asked for, and what the system gave is noted down before it begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheLineAligned;

/// The length of a line in bytes.
const LINE: usize = 64;

/// Blocks of fewer bytes are the system's, as they are.
const LEAST: usize = 1 << 10;

/// The block that the system is asked for, where that is another one than `layout`, and can be.
fn outer(layout: Layout) -> Option<Layout> {
    // Of the alignments that the system gives in any case: from a pointer's on there is room for one before the line.
    let align = layout.align().max(align_of::<*mut u8>());
    let moved = layout.size() >= LEAST && align <= 8;
    if moved { Layout::from_size_align(layout.size().checked_add(LINE)?, align).ok() } else { None }
}

/// How far into a block that begins here its first whole line is: at least a pointer's size, at most a line.
fn to_line(base: *mut u8) -> usize {
    LINE - base.addr() % LINE
}

/// What is handed out of a block of the system's, null for null.
///
/// # Safety
/// Behind `base` are `LINE` bytes, and it is null or aligned for a pointer.
unsafe fn hand_out(base: *mut u8) -> *mut u8 {
    if base.is_null() {
        return base;
    }
    // SAFETY: the line begins inside the block, and at least a pointer's size behind its beginning, as both are aligned for
    // pointers.
    unsafe {
        let line = base.add(to_line(base));
        line.cast::<*mut u8>().sub(1).write(base);
        line
    }
}

/// What the system gave for what was handed out.
///
/// # Safety
/// `line` comes from [`hand_out`].
unsafe fn base_of(line: *mut u8) -> *mut u8 {
    // SAFETY: it was written there.
    unsafe { line.cast::<*mut u8>().sub(1).read() }
}

// SAFETY: every block is the system's or lies inside one that is `LINE` bytes longer and begins at most a line before it,
// with the same alignment or a larger one. Which of the two it is follows from its layout, which whoever gives it back must
// name again.
unsafe impl GlobalAlloc for CacheLineAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's; `hand_out` gets a block as long as it wants.
        unsafe {
            match outer(layout) {
                Some(outer) => hand_out(System.alloc(outer)),
                None => System.alloc(layout),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above. What is noted down lies before the block, which stays zero.
        unsafe {
            match outer(layout) {
                Some(outer) => hand_out(System.alloc_zeroed(outer)),
                None => System.alloc_zeroed(layout),
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller names the layout that the block was allocated with, so it came from the same arm of `alloc`.
        unsafe {
            match outer(layout) {
                Some(outer) => System.dealloc(base_of(block), outer),
                None => System.dealloc(block, layout),
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is one that a layout can have. Where both blocks are inside longer ones
        // the system moves the longer, and what it held may then begin at another place before the line; elsewhere a block is
        // allocated, filled and given back as anybody would.
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

/// Has every block of 128 KiB or more go back to the system as soon as it is given back.
///
/// That is how glibc begins. But each time a larger block is given back it concludes that such blocks come and go, and
/// keeps those up to that size, and twice as much beside them, from then on: reading MNIST takes windows of 12 MB, after
/// which whatever is smaller leaves gaps. A program that will want a few large blocks for long, and to hold no more than
/// it must, calls this first. One that asks for large blocks again and again would only be slowed down.
///
/// Does nothing where the allocator is another.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers and changes how the allocator chooses, under a lock of its own. What it answers,
    // whether it knows that parameter, is nothing to act on.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of every kind, grown and shrunk past the limit and back, keep what they hold and begin where they should.
    #[test]
    fn blocks_keep_what_they_hold_and_begin_at_lines() {
        let sizes = [1, 100, LEAST - 1, LEAST, LEAST + 1, 5000, 3 << 20, 200_000, 2000, LEAST, 10, 70_000];
        for align in [1, 4, 8, 16, 64, 128] {
            let layout = |size| Layout::from_size_align(size, align).unwrap();
            let byte = |i: usize| (i * 31 + align) as u8;
            // SAFETY: every block is used inside its size, and given back with the layout that it has.
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
    fn a_block_that_cannot_be_is_null() {
        // Where nobody looks at a block, the compiler takes it that there would have been one.
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
