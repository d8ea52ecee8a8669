//! A worker thread that spins instead of sleeping while a training runs.
//!
//! A thread of the pool that finds no work goes to sleep after a few microseconds, and waking it takes longer than half
//! a step of a small network. One worker is therefore kept spinning: it polls for work, and immediately takes the tasks
//! that the training thread shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// After this long without work the worker polls less often. Training steps are usually shorter than that, unless it is
/// paused or an observer takes long.
const PATIENCE: Duration = Duration::from_millis(2);

/// The polling interval from then on.
const POLL_EVERY: Duration = Duration::from_micros(200);

/// Runs `work` while another thread of the current pool, if one is free, spins and takes the tasks it shares.
pub(super) fn with_spinning_worker<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    /// Stops the spinning however the work ends, even by a panic.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let done = AtomicBool::new(false);
    let work = || {
        let _done = Done(&done);
        work()
    };
    // If no thread is free, this thread runs the second closure after the work, and leaves it at once.
    rayon::join(work, || spin(&done)).0
}

fn spin(done: &AtomicBool) {
    // Without threads there may not be a clock, but then the work is always done by now.
    if done.load(Ordering::Acquire) {
        return;
    }
    let mut last = Instant::now();
    while !done.load(Ordering::Acquire) {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => last = Instant::now(),
            _ if last.elapsed() < PATIENCE => std::hint::spin_loop(),
            _ => std::thread::sleep(POLL_EVERY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_done_and_spinning_ends_in_pools_of_every_size() {
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sum = pool.install(|| {
                with_spinning_worker(|| (0..100).map(|i| rayon::join(|| i, || i).1).sum::<u32>())
            });
            assert_eq!(sum, 4950);
            let panics = || pool.install(|| with_spinning_worker(|| panic!("on purpose")));
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics));
            assert!(panicked.is_err());
        }
    }
}
