//! The work that is more than passing bytes on: a bounded queue for each of two lanes, none of it on the thread that serves
//! the connections.
//!
//! Most requests are a small picture and take a part of a millisecond. A photograph takes a hundred times as long, and must
//! not make the others wait: large ones go one after the other on a thread of their own, beside the others. Whoever waits is
//! a future, not a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::problem::Problem;

/// How many small requests may wait.
const WAITING: usize = 512;

/// How many large ones may.
const WAITING_LARGE: usize = 16;

/// How long a request may wait for its turn, and how long it may then take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a piece of work goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// To all threads that compute.
    Small,
    /// To the one thread for what takes long.
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
    /// Lanes for this many threads that compute.
    pub fn new(threads: usize) -> Self {
        Work { small: Lane::new(WAITING, threads), large: Lane::new(WAITING_LARGE, 1) }
    }

    /// Has a piece of work done when its turn comes.
    ///
    /// # Errors
    /// A lane that is full, or a turn that does not come in time: the client may try again. Work that takes too long goes on
    /// to its end, since nothing can stop it, and keeps its place until then.
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
            .map_err(|_| Problem::busy("more requests wait than there is room for: try again in a second"))?;
        let turn = timeout(PATIENCE, lane.running.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::busy("the requests before this one took too long: try again in a second"));
        };
        drop(place);

        let (sender, receiver) = oneshot::channel();
        let job = move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            drop(turn);
            // A client that has left needs no answer.
            let _ = sender.send(result);
        };
        match size {
            Size::Small => rayon::spawn(job),
            Size::Large => {
                let thread = std::thread::Builder::new().name("large pictures".to_owned());
                let behind = || {
                    step_back();
                    job();
                };
                thread.spawn(behind).map_err(|error| {
                    Problem::busy(format!("the system gives no thread ({error}): try again in a second"))
                })?;
            }
        }
        match timeout(PATIENCE, receiver).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(_) => Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the work broke off, which is a mistake in this program: please report the request",
            )),
            Err(_) => Err(Problem::busy(format!(
                "no answer after {} seconds: try again later, or ask a smaller model",
                PATIENCE.as_secs()
            ))),
        }
    }
}

/// Has the system give this thread a tenth of the time of the others, as long as they want it.
fn step_back() {
    // The system may refuse, and then all are equal, as they are on systems where a priority belongs to the whole program.
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
    fn what_breaks_off_is_an_answer_too_and_frees_its_place() {
        let work = Work::new(1);
        for size in [Size::Small, Size::Large] {
            let problem = run(work.run(size, || panic!("planted"))).unwrap_err();
            assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(run(work.run(size, || 6 * 7)).unwrap(), 42);
        }
    }

    #[test]
    fn a_full_lane_refuses_at_once_and_the_other_goes_on() {
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
