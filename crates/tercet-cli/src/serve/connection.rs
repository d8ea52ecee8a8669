//! Connections: accepted one after another, served concurrently, and closed if a client is too slow.

use std::collections::HashMap;
use std::io::{ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep, timeout};

/// The largest number of connections. A further connection closes the one that has been idle for longest,
/// preferably one that has never sent a request.
const MAX_CONNECTIONS: usize = 512;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The size of the send buffer of a connection, in bytes.
const SEND_BUFFER: u32 = 256 << 10;

/// A client that receives fewer bytes of a response within the timeout is too slow.
const LEAST_RECEIVED: usize = 16 << 10;

/// How long pending requests may take when the program stops.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// A listening socket.
pub struct Listening(TcpListener);

impl Listening {
    /// The address, with the port that the system chose if none was given.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.0.local_addr().context("cannot determine the port")
    }

    /// Serves until `stop` is notified, and then finishes the pending requests.
    pub async fn serve(self, router: Router, limit: Duration, stop: Arc<Notify>) {
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Connections::default());
        let accepting = async {
            loop {
                match self.0.accept().await {
                    Ok((stream, _)) => {
                        connections.begin(stream, &router, limit, &graceful);
                        // Existing connections are served before further ones are accepted.
                        tokio::task::yield_now().await;
                    }
                    // Usually too many open files, until connections end.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        until(accepting, stop.notified()).await;
        drop(self.0);
        let _ = timeout(SHUTDOWN_TIME, graceful.shutdown()).await;
    }
}

/// Polls the first future until the second is ready.
async fn until(work: impl Future<Output = ()>, end: impl Future<Output = ()>) {
    let (mut work, mut end) = (std::pin::pin!(work), std::pin::pin!(end));
    std::future::poll_fn(|context| {
        if end.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        work.as_mut().poll(context)
    })
    .await;
}

/// Listens on a port. If it is taken and `or_any` is set, the system chooses another one.
pub fn listen(host: IpAddr, port: u16, or_any: bool) -> anyhow::Result<Listening> {
    let address = SocketAddr::new(host, port);
    match bind(address) {
        Ok(listener) => Ok(Listening(listener)),
        Err(error) if or_any && error.kind() == ErrorKind::AddrInUse => {
            let any = bind(SocketAddr::new(host, 0));
            Ok(Listening(any.with_context(|| format!("cannot listen on any port of {host}"))?))
        }
        Err(error) => Err(match error.kind() {
            ErrorKind::AddrInUse => anyhow::Error::new(error)
                .context(format!("cannot listen on {address}: choose another --port, or leave it out")),
            ErrorKind::AddrNotAvailable => anyhow::Error::new(error).context(format!(
                "cannot listen on {address}: this machine has no such address; leave --host out"
            )),
            _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
        }),
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port of a program that has just ended stays reserved for a while. (On Windows, this option would
    // share the port.)
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // Connections inherit this.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The open connections.
#[derive(Default)]
struct Connections(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    /// Since when it has been idle; `None` during a request.
    idle_since: Option<Instant>,
    /// Whether it has had a request.
    answered: bool,
    task: Option<AbortHandle>,
}

impl Connections {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(
        self: &Arc<Self>,
        stream: TcpStream,
        router: &Router,
        limit: Duration,
        graceful: &GracefulShutdown,
    ) {
        let number = {
            let mut table = self.table();
            if table.open.len() >= MAX_CONNECTIONS && !table.close_idlest() {
                // All of them are busy.
                return;
            }
            table.next += 1;
            let number = table.next;
            table.open.insert(number, Open { idle_since: Some(Instant::now()), answered: false, task: None });
            number
        };
        let ended = Ended { connections: self.clone(), number };
        // Responses are written at once, so that waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let (service, connections) = (TowerToHyperService::new(router.clone()), self.clone());
        let answer = service_fn(move |request| {
            connections.set_idle(number, None);
            let (answer, connections) = (service.call(request), connections.clone());
            async move {
                let answer = answer.await;
                connections.set_idle(number, Some(Instant::now()));
                answer
            }
        });
        let served = graceful.watch(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limit)
                .max_header_size(MAX_HEAD)
                .max_buf_size(4 * MAX_HEAD)
                .serve_connection(Timed::new(stream, limit), answer),
        );
        let task = tokio::spawn(async move {
            let _ended = ended;
            // Errors of a client do not matter to the server.
            let _ = served.await;
        });
        if let Some(open) = self.table().open.get_mut(&number) {
            open.task = Some(task.abort_handle());
        }
    }

    fn set_idle(&self, number: u64, since: Option<Instant>) {
        if let Some(open) = self.table().open.get_mut(&number) {
            open.idle_since = since;
            open.answered |= since.is_some();
        }
    }
}

impl Table {
    /// Closes the connection that has been idle for longest.
    fn close_idlest(&mut self) -> bool {
        let idle =
            self.open.iter().filter_map(|(&number, open)| Some((open.answered, open.idle_since?, number)));
        let Some((.., number)) = idle.min() else { return false };
        if let Some(Open { task: Some(task), .. }) = self.open.remove(&number) {
            task.abort();
        }
        true
    }
}

/// Removes a connection from the table when it ends.
struct Ended {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
    }
}

/// A connection that fails if the client receives a response too slowly.
struct Timed {
    stream: TokioIo<TcpStream>,
    limit: Duration,
    /// While a write is pending: the next check, and the bytes received since the last one.
    watch: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Timed {
    fn new(stream: TcpStream, limit: Duration) -> Self {
        Timed { stream: TokioIo::new(stream), limit, watch: None }
    }

    fn watched(
        &mut self,
        written: Poll<std::io::Result<usize>>,
        context: &mut TaskContext<'_>,
    ) -> Poll<std::io::Result<usize>> {
        if let Poll::Ready(written) = written {
            if let (Some((_, received)), Ok(bytes)) = (&mut self.watch, &written) {
                *received += bytes;
            }
            return Poll::Ready(written);
        }
        let limit = self.limit;
        let (check, received) = self.watch.get_or_insert_with(|| (Box::pin(sleep(limit)), 0));
        ready!(check.as_mut().poll(context));
        if *received < LEAST_RECEIVED {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        *received = 0;
        check.as_mut().reset(Instant::now() + limit);
        check.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl Read for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        // Called when everything has been written.
        self.watch = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
