//! The computation for requests: a bounded queue for each of two lanes, on other threads than the one that
//! serves the connections.
//!
//! Most requests are small pictures and take a fraction of a millisecond. A photograph takes a hundred times
//! as long and must not delay the others, so large pictures are processed one after another on a thread of
//! their own. Only futures wait, not threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::problem::Problem;

/// How many small requests may wait.
const WAITING: usize = 512;

/// How many large requests may wait.
const WAITING_LARGE: usize = 16;

/// How long a request may wait for its turn, and how long it may then take.
const LIMIT: Duration = Duration::from_secs(10);

/// The lane of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// On all computing threads.
    Small,
    /// On the one thread for tasks that take long.
    Large,
}

/// Both lanes.
pub struct Work {
    small: Lane,
    large: Lane,
}

struct Lane {
    waiting: Semaphore,
    running: Arc<Semaphore>,
}

impl Lane {
    fn new(waiting: usize, running: usize) -> Self {
        Lane { waiting: Semaphore::new(waiting), running: Arc::new(Semaphore::new(running)) }
    }
}

impl Work {
    /// Lanes for this many computing threads.
    pub fn new(threads: usize) -> Self {
        Work { small: Lane::new(WAITING, threads), large: Lane::new(WAITING_LARGE, 1) }
    }

    /// Runs a task when its turn comes.
    ///
    /// # Errors
    /// A full lane, or a turn that does not come in time: the client may try again. A task that takes too
    /// long still runs to its end, since nothing can stop it, and keeps its place until then.
    pub async fn run<T: Send + 'static>(
        &self,
        size: Size,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let lane = match size {
            Size::Small => &self.small,
            Size::Large => &self.large,
        };
        let place = lane
            .waiting
            .try_acquire()
            .map_err(|_| Problem::busy("too many requests are waiting: try again in a second"))?;
        let turn = timeout(LIMIT, lane.running.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::busy("the requests before this one took too long: try again in a second"));
        };
        drop(place);

        let (sender, receiver) = oneshot::channel();
        let job = move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            drop(turn);
            // The client may have disconnected.
            let _ = sender.send(result);
        };
        match size {
            Size::Small => rayon::spawn(job),
            Size::Large => {
                let thread = std::thread::Builder::new().name("large pictures".to_owned());
                let nice = || {
                    lower_priority();
                    job();
                };
                thread.spawn(nice).map_err(|error| {
                    Problem::busy(format!("cannot start a thread ({error}): try again in a second"))
                })?;
            }
        }
        match timeout(LIMIT, receiver).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(_) => Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the prediction failed, which is a bug in this program: please report the request",
            )),
            Err(_) => Err(Problem::busy(format!(
                "no answer after {} seconds: try again later, or use a smaller model",
                LIMIT.as_secs()
            ))),
        }
    }
}

/// Lowers the priority of this thread, so that it gets about a tenth of the time of busy threads.
fn lower_priority() {
    // If this fails, all threads have the same priority, as on systems where priorities belong to the whole
    // process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn a_panic_is_an_error_and_frees_its_place() {
        let work = Work::new(1);
        for size in [Size::Small, Size::Large] {
            let problem = run(work.run(size, || panic!("planted"))).unwrap_err();
            assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(run(work.run(size, || 6 * 7)).unwrap(), 42);
        }
    }

    #[test]
    fn a_full_lane_rejects_immediately_and_the_other_continues() {
        let work = Arc::new(Work::new(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (release, blocked) = std::sync::mpsc::channel::<()>();
            let spawn = |job: Box<dyn FnOnce() + Send>| {
                let work = work.clone();
                tokio::spawn(async move { work.run(Size::Large, job).await })
            };
            let first = spawn(Box::new(move || blocked.recv().unwrap()));
            tokio::task::yield_now().await;
            let waiting: Vec<_> = (0..WAITING_LARGE).map(|_| spawn(Box::new(|| ()))).collect();
            tokio::task::yield_now().await;
            let problem = work.run(Size::Large, || ()).await.unwrap_err();
            assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(work.run(Size::Small, || 1).await.unwrap(), 1);
            release.send(()).unwrap();
            first.await.unwrap().unwrap();
            for job in waiting {
                job.await.unwrap().unwrap();
            }
        });
    }
}
