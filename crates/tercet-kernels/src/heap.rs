//! What the system's allocator does with memory that was given back.

/// Has every block of 128 KiB or more go back to the system as soon as it is given back.
///
/// That is how glibc begins. But each time a larger block is given back it concludes that such blocks come and go, and
/// keeps those up to that size, and twice as much beside them, from then on: reading MNIST takes windows of 12 MB, after
/// which whatever is smaller leaves gaps. A program that will want a few large blocks for long, and to hold no more than
/// it must, calls this first. One that asks for large blocks again and again would only be slowed down.
///
/// Does nothing where the allocator is another.
pub fn give_large_blocks_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers and changes how the allocator chooses, under a lock of its own. What it answers,
    // whether it knows that parameter, is nothing to act on.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}
