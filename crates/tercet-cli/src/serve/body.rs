//! Request bodies: read completely, within limits of size, time and memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::problem::Problem;

/// The largest request body: 4 MiB.
pub const MAX_BODY: usize = 4 << 20;

/// The largest total size of all bodies in memory: 64 MiB.
const MAX_TOTAL: usize = 64 << 20;

/// The unit in which this memory is counted.
const UNIT: usize = 1 << 10;

/// How long the rest of a rejected body is read and discarded. If a connection is closed with unread bytes,
/// the client may not receive the rejection.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How many bytes of all rejected bodies are discarded per second: 16 MiB. A client that sends a picture that
/// is too large receives its rejection a little later, and clients that send nothing else do not delay the
/// others.
const DRAIN_RATE: usize = 16 << 20;

/// What all bodies share: the memory, and the bandwidth for rejected ones.
#[derive(Clone)]
pub struct Budget {
    memory: Arc<Semaphore>,
    /// When the bytes discarded so far have used up their time.
    drained: Arc<Mutex<Instant>>,
}

/// A body, and the memory that it holds.
#[derive(Debug)]
pub struct Held {
    /// The bytes that the client sent.
    pub bytes: Bytes,
    _memory: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// The whole budget.
    pub fn new() -> Self {
        Budget {
            memory: Arc::new(Semaphore::new(MAX_TOTAL / UNIT)),
            drained: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Reads a body, which must be complete after `limit`. Memory is allocated as bytes arrive, whatever the
    /// header claims.
    ///
    /// # Errors
    /// A body of more than [`MAX_BODY`] bytes, a body that does not arrive in time or is incomplete, and a
    /// lack of memory for bodies.
    pub async fn read(&self, mut body: Body, limit: Duration) -> Result<Held, Problem> {
        let deadline = Instant::now() + limit;
        if let Some(claimed) = body.size_hint().exact()
            && claimed > MAX_BODY as u64
        {
            self.drain(body).await;
            return Err(too_large(claimed));
        }
        let (mut bytes, mut memory) = (Vec::new(), Vec::new());
        let mut held = 0;
        loop {
            let frame = match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    return Err(Problem::bad(format!("the body of the request cannot be read: {error}")));
                }
                Err(_) => {
                    return Err(Problem::slow(format!(
                        "found {} bytes of the body after {} seconds; expected all of it. Send it faster",
                        bytes.len(),
                        limit.as_secs()
                    )));
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > MAX_BODY {
                let found = bytes.len() + data.len();
                drop((bytes, memory));
                self.drain(body).await;
                return Err(too_large(found as u64));
            }
            // The budget is charged for the capacity of the vector.
            bytes.reserve(data.len());
            let wanted = bytes.capacity().div_ceil(UNIT);
            if wanted > held {
                match self.memory.clone().try_acquire_many_owned((wanted - held) as u32) {
                    Ok(permit) => memory.push(permit),
                    Err(_) => {
                        drop((bytes, memory));
                        self.drain(body).await;
                        return Err(Problem::busy(
                            "the memory for requests is in use: try again in a second",
                        ));
                    }
                }
                held = wanted;
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Held { bytes: bytes.into(), _memory: memory })
    }

    /// Reads and discards the rest of a body, at [`DRAIN_RATE`] for all bodies together, until it ends or
    /// [`DRAIN_TIME`] is over.
    pub async fn drain(&self, mut body: Body) {
        let deadline = Instant::now() + DRAIN_TIME;
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
            if body.is_end_stream() {
                return;
            }
            let turn = self.turn(frame.data_ref().map_or(0, Bytes::len));
            if turn > deadline {
                return;
            }
            sleep_until(turn).await;
        }
    }

    /// When this many more bytes will have used up their time.
    fn turn(&self, bytes: usize) -> Instant {
        let mut drained = self.drained.lock().unwrap_or_else(PoisonError::into_inner);
        *drained =
            Instant::now().max(*drained) + Duration::from_secs(1).mul_f64(bytes as f64 / DRAIN_RATE as f64);
        *drained
    }
}

fn too_large(found: u64) -> Problem {
    let detail = format!(
        "found a body of {found} bytes or more; expected at most {MAX_BODY}. Make the picture smaller and \
         try again"
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn a_body_is_read_completely_and_frees_its_memory() {
        let budget = Budget::new();
        let all = budget.memory.available_permits();
        let held = run(budget.read(Body::from(vec![7; 100_000]), Duration::from_secs(1))).unwrap();
        assert_eq!(held.bytes, vec![7; 100_000]);
        assert!(budget.memory.available_permits() <= all - 100_000 / UNIT);
        drop(held);
        assert_eq!(budget.memory.available_permits(), all);
    }

    #[test]
    fn bodies_beyond_the_limits_are_rejected() {
        let budget = Budget::new();
        let all = budget.memory.available_permits();
        let second = Duration::from_secs(1);
        let read = |bytes: usize| run(budget.read(Body::from(vec![0; bytes]), second));
        assert_eq!(read(MAX_BODY + 1).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        let held: Vec<Held> = (0..MAX_TOTAL / MAX_BODY).map(|_| read(MAX_BODY).unwrap()).collect();
        assert_eq!(read(UNIT).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        drop(held);
        assert_eq!(budget.memory.available_permits(), all);
    }

    /// A body that never ends, and counts the bytes that are read.
    struct Endless(Arc<AtomicUsize>);

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            static FRAME: [u8; 1 << 20] = [0; 1 << 20];
            self.0.fetch_add(FRAME.len(), Relaxed);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FRAME)))))
        }
    }

    #[test]
    fn rejected_bodies_are_drained_for_a_while_at_a_rate_that_they_share() {
        let (budget, read) = (Budget::new(), Arc::new(AtomicUsize::new(0)));
        // With time that only passes when every task waits, the result does not depend on the machine.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
            let drains = [(); 3].map(|()| {
                let (budget, body) = (budget.clone(), Body::new(Endless(read.clone())));
                tokio::spawn(async move { budget.drain(body).await })
            });
            for drain in drains {
                drain.await.unwrap();
            }
        });
        let most = DRAIN_TIME.as_secs() as usize * DRAIN_RATE;
        let read = read.load(Relaxed);
        assert!((most / 2..=most + (3 << 20)).contains(&read), "{read} bytes of {most}");
    }
}
