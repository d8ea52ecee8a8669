//! The bodies of requests: read whole, within limits of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;

/// The most bytes that the body of a request may have: 4 MiB.
pub const MAX_BODY: usize = 4 << 20;

/// The most bytes of all bodies together that are held at one time: 64 MiB.
const MAX_TOGETHER: usize = 64 << 20;

/// What the memory of bodies is counted in.
const UNIT: usize = 1 << 10;

/// The most of a refused body that is read and thrown away. A connection that is closed with bytes unread would take
/// the refusal with it before the client has seen it.
const MAX_DRAINED: usize = 32 << 20;

/// For how long it is.
const DRAINED_FOR: Duration = Duration::from_secs(2);

/// The memory that all bodies share.
#[derive(Clone)]
pub struct Budget(Arc<Semaphore>);

/// A body, with its part of the memory for as long as it lives.
#[derive(Debug)]
pub struct Held {
    /// What the client sent.
    pub bytes: Bytes,
    _memory: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    /// All of the memory.
    pub fn new() -> Self {
        Budget(Arc::new(Semaphore::new(MAX_TOGETHER / UNIT)))
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
            drain(body).await;
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
                drain(body).await;
                return Err(too_large(found as u64));
            }
            // As much as the vector takes, and not a byte before.
            bytes.reserve(data.len());
            let wanted = bytes.capacity().div_ceil(UNIT);
            if wanted > held {
                match self.0.clone().try_acquire_many_owned((wanted - held) as u32) {
                    Ok(permit) => memory.push(permit),
                    Err(_) => {
                        drop((bytes, memory));
                        drain(body).await;
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
}

fn too_large(found: u64) -> Problem {
    let detail = format!(
        "found a body of {found} bytes or more; expected at most {MAX_BODY}. Make the picture smaller and try again"
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// Reads what is left of a body that is of no use, within reason.
pub async fn drain(mut body: Body) {
    let deadline = Instant::now() + DRAINED_FOR;
    let mut drained = 0;
    while drained < MAX_DRAINED
        && let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await
    {
        drained += frame.data_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn a_body_is_read_whole_and_gives_its_memory_back() {
        let budget = Budget::new();
        let all = budget.0.available_permits();
        let held = run(budget.read(Body::from(vec![7; 100_000]), Duration::from_secs(1))).unwrap();
        assert_eq!(held.bytes, vec![7; 100_000]);
        assert!(budget.0.available_permits() <= all - 100_000 / UNIT);
        drop(held);
        assert_eq!(budget.0.available_permits(), all);
    }

    #[test]
    fn bodies_beyond_the_limits_are_refused() {
        let budget = Budget::new();
        let all = budget.0.available_permits();
        let second = Duration::from_secs(1);
        let read = |bytes: usize| run(budget.read(Body::from(vec![0; bytes]), second));
        assert_eq!(read(MAX_BODY + 1).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        let held: Vec<Held> = (0..MAX_TOGETHER / MAX_BODY).map(|_| read(MAX_BODY).unwrap()).collect();
        assert_eq!(read(UNIT).unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        drop(held);
        assert_eq!(budget.0.available_permits(), all);
    }
}
