//! Long-running work without the GIL: threads, Ctrl-C, and callbacks.
//!
//! A thread pool does the work. The calling thread waits, without the GIL, for three things: the end of the
//! work; a callback into Python, which this thread makes, as users expect of callbacks; and Ctrl-C, which Python
//! handles only in its main thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Interval between checks for signals, such as Ctrl-C.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// A callback into Python.
type Call = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

enum Message {
    Call(Call),
    Done,
}

/// The connection from the work to the thread that waits for it.
pub struct Desk {
    sender: Sender<Message>,
    stop: AtomicBool,
}

impl Desk {
    /// Whether the work should stop.
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Calls into Python and waits for the result; `None` if the call raised an exception, or if the work should
    /// stop.
    pub fn ask<R: Send + 'static>(
        &self,
        call: impl FnOnce(Python<'_>) -> PyResult<R> + Send + 'static,
    ) -> Option<R> {
        let (answer, answered) = mpsc::channel();
        let call = move |py: Python<'_>| {
            // If the work was stopped, nobody receives the result.
            let _ = answer.send(call(py)?);
            Ok(())
        };
        self.sender.send(Message::Call(Box::new(call))).ok()?;
        answered.recv().ok()
    }
}

/// The total time spent in the core in this process, in nanoseconds.
static WORKED: AtomicU64 = AtomicU64::new(0);

fn timed<R>(job: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = job();
    WORKED.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
    result
}

/// The total time spent in the core in this process, in seconds. The rest of a call's time is Python overhead.
#[pyfunction]
pub fn clock() -> f64 {
    WORKED.load(Relaxed) as f64 / 1e9
}

/// Sends a message when the work is done, even after a panic.
struct Done(Sender<Message>);

impl Drop for Done {
    fn drop(&mut self) {
        let _ = self.0.send(Message::Done);
    }
}

/// Runs a job on a pool of threads, by default one per processor, without the GIL. Returns its result, and whether
/// Ctrl-C interrupted it. The job has to check [`Desk::stopped`]; this function waits until it returns.
///
/// # Errors
/// Exceptions of calls into Python, and threads that the system cannot start.
pub fn work<R: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    job: impl FnOnce(&Desk) -> R + Send,
) -> PyResult<(R, bool)> {
    py.detach(|| {
        let pool = pool(threads)?;
        let (sender, receiver) = mpsc::channel();
        let desk = Desk { sender: sender.clone(), stop: AtomicBool::new(false) };
        let (mut result, mut raised, mut interrupted) = (None, None, false);
        pool.in_place_scope(|scope| {
            scope.spawn(|_| {
                let _done = Done(sender);
                result = Some(timed(|| job(&desk)));
            });
            loop {
                let outcome = match receiver.recv_timeout(SIGNALS_EVERY) {
                    Ok(Message::Done) | Err(RecvTimeoutError::Disconnected) => break,
                    Ok(Message::Call(call)) => Python::attach(call),
                    Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals()),
                };
                if let Err(error) = outcome {
                    desk.stop.store(true, Relaxed);
                    if Python::attach(|py| error.is_instance_of::<PyKeyboardInterrupt>(py)) {
                        interrupted = true;
                    } else {
                        raised.get_or_insert(error);
                    }
                }
            }
        });
        match (raised, result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok((result, interrupted)),
            (None, None) => Err(PyRuntimeError::new_err("the work ended without a result")),
        }
    })
}

/// The same for work that is too short to be interrupted.
///
/// # Errors
/// Threads that the system cannot start.
pub fn short_work<R: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    job: impl FnOnce() -> R + Send,
) -> PyResult<R> {
    py.detach(|| Ok(pool(threads)?.install(|| timed(job))))
}

/// Pools by the process that created them and their number of threads.
type Pools = HashMap<(u32, usize), Arc<ThreadPool>>;

/// The thread pools. A fork copies the pools but not their threads, so work on a copied pool would wait forever:
/// each process uses only the pools that it created.
static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

fn pool(threads: Option<usize>) -> PyResult<Arc<ThreadPool>> {
    // For rayon, 0 means one thread per processor.
    let threads = threads.unwrap_or(0);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&(std::process::id(), threads)) {
        return Ok(Arc::clone(pool));
    }
    let built = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("tercet {i}")).build();
    let pool = Arc::new(built.map_err(|error| {
        PyRuntimeError::new_err(format!("cannot start {threads} threads: {error}; ask for fewer by n_jobs"))
    })?);
    pools.insert((std::process::id(), threads), Arc::clone(&pool));
    Ok(pool)
}
