//! The bodies of requests: read whole, within limits of size, time and memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::problem::Problem;

/// The most bytes that the body of a request may have: 4 MiB.
pub const MAX_BODY: usize = 4 << 20;

/// The most bytes of all bodies together that are held at one time: 64 MiB.
const MAX_TOGETHER: usize = 64 << 20;

/// What the memory of bodies is counted in.
const UNIT: usize = 1 << 10;

/// For how long a refused body is read and thrown away. A connection that is closed with bytes unread would take the refusal with
/// it before the client has seen it.
const DRAINED_FOR: Duration = Duration::from_secs(2);

/// How many bytes of refused bodies together are thrown away in a second: 16 MiB. A client that sends a picture that is too
/// large waits for its refusal a little, and those that send nothing else keep nobody from being answered.
const DRAINED_A_SECOND: usize = 16 << 20;

/// What all bodies share: memory, and the time that is spent on those that are of no use.
#[derive(Clone)]
pub struct Budget {
    memory: Arc<Semaphore>,
    /// When what was thrown away so far has taken its time.
    drained: Arc<Mutex<Instant>>,
}

/// A body, with its part of the memory for as long as it lives.
#[derive(Debug)]
pub struct Held {
    /// What the client sent.
    pub bytes: Bytes,
    _memory: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// All of the memory, and nothing thrown away.
    pub fn new() -> Self {
        Budget {
            memory: Arc::new(Semaphore::new(MAX_TOGETHER / UNIT)),
            drained: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Reads a body that must be there after `patience`. Memory is taken as bytes arrive, whatever the header claims.
    ///
    /// # Errors
    /// A body of more than [`MAX_BODY`] bytes, one that does not arrive in time or is cut short, and a lack of memory for
    /// bodies.
    pub async fn read(&self, mut body: Body, patience: Duration) -> Result<Held, Problem> {
        let deadline = Instant::now() + patience;
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
                        "found {} bytes of a body after {} seconds; expected all of it. Send it faster",
                        bytes.len(),
                        patience.as_secs()
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
            // As much as the vector takes, and not a byte before.
            bytes.reserve(data.len());
            let wanted = bytes.capacity().div_ceil(UNIT);
            if wanted > held {
                match self.memory.clone().try_acquire_many_owned((wanted - held) as u32) {
                    Ok(permit) => memory.push(permit),
                    Err(_) => {
                        drop((bytes, memory));
                        self.drain(body).await;
                        return Err(Problem::busy(
                            "the memory for requests is used up: try again in a second",
                        ));
                    }
                }
                held = wanted;
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Held { bytes: bytes.into(), _memory: memory })
    }

    /// Reads what is left of a body that is of no use, within reason: at the pace of [`DRAINED_A_SECOND`] for all of them, and
    /// until it ends or [`DRAINED_FOR`] is over.
    pub async fn drain(&self, mut body: Body) {
        let deadline = Instant::now() + DRAINED_FOR;
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

    /// When so many bytes more will have taken their time.
    fn turn(&self, bytes: usize) -> Instant {
        let mut drained = self.drained.lock().unwrap_or_else(PoisonError::into_inner);
        *drained = Instant::now().max(*drained)
            + Duration::from_secs(1).mul_f64(bytes as f64 / DRAINED_A_SECOND as f64);
        *drained
    }
}

fn too_large(found: u64) -> Problem {
    let detail = format!(
        "found a body of {found} bytes or more; expected at most {MAX_BODY}. Make the picture smaller and try again"
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
    fn a_body_is_read_whole_and_gives_its_memory_back() {
        let budget = Budget::new();
        let all = budget.memory.available_permits();
        let held = run(budget.read(Body::from(vec![7; 100_000]), Duration::from_secs(1))).unwrap();
        assert_eq!(held.bytes, vec![7; 100_000]);
        assert!(budget.memory.available_permits() <= all - 100_000 / UNIT);
        drop(held);
        assert_eq!(budget.memory.available_permits(), all);
    }

    #[test]
    fn bodies_beyond_the_limits_are_refused() {
        let budget = Budget::new();
        let all = budget.memory.available_permits();
        let second = Duration::from_secs(1);
        let read = |bytes: usize| run(budget.read(Body::from(vec![0; bytes]), second));
        assert_eq!(read(MAX_BODY + 1).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        let held: Vec<Held> = (0..MAX_TOGETHER / MAX_BODY).map(|_| read(MAX_BODY).unwrap()).collect();
        assert_eq!(read(UNIT).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        drop(held);
        assert_eq!(budget.memory.available_permits(), all);
    }

    /// A body that never ends, which counts what was read of it.
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
    fn bodies_of_no_use_are_read_for_a_while_at_a_pace_that_they_share() {
        let (budget, read) = (Budget::new(), Arc::new(AtomicUsize::new(0)));
        run(async {
            let drains = [(); 3].map(|()| {
                let (budget, body) = (budget.clone(), Body::new(Endless(read.clone())));
                tokio::spawn(async move { budget.drain(body).await })
            });
            for drain in drains {
                drain.await.unwrap();
            }
        });
        let most = DRAINED_FOR.as_secs() as usize * DRAINED_A_SECOND;
        let read = read.load(Relaxed);
        assert!((most / 2..=most + (3 << 20)).contains(&read), "{read} bytes of {most}");
    }
}
