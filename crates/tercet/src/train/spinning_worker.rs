//! A second thread that stays awake while a training runs.
//!
//! A thread of the pool that finds nothing to do goes to sleep after a few microseconds, and to wake it takes longer
//! than half a step of a small network. So one of them is kept from it: it looks for work again and again, and whatever
//! the training shares out is taken up at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long nothing may be shared out before the thread looks less often: the steps of a training come faster, so then
/// it is paused, or an observer takes its time.
const PATIENCE: Duration = Duration::from_millis(2);

/// How often it looks from then on.
const NOW_AND_THEN: Duration = Duration::from_micros(200);

/// Runs `work` while another thread of the current pool, if one is free, takes up what it shares out.
pub(super) fn with_spinning_worker<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    /// Says so however the work ends, or the other thread would look for more for ever.
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
    // Where no thread is free, this one comes to the second closure when the work is done, and so leaves it at once.
    rayon::join(work, || spin(&done)).0
}

fn spin(done: &AtomicBool) {
    // Where there are no threads there may be no clock either, and the work is always done by now.
    if done.load(Ordering::Acquire) {
        return;
    }
    let mut last = Instant::now();
    while !done.load(Ordering::Acquire) {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => last = Instant::now(),
            _ if last.elapsed() < PATIENCE => std::hint::spin_loop(),
            _ => std::thread::sleep(NOW_AND_THEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_pool_the_work_is_done_and_its_end_is_noticed() {
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
