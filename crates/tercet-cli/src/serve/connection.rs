//! Connections: accepted one after the other, served side by side, and closed where a client holds one up.

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

/// How many connections there may be. When one more comes, the one that has been idle for longest is closed, those that have
/// never asked anything before those that have.
const MAX_CONNECTIONS: usize = 512;

/// How many may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The most bytes of the head of a request.
const MAX_HEAD: usize = 16 << 10;

/// How many bytes of answers the system holds for a connection.
const SEND_BUFFER: u32 = 256 << 10;

/// A client that has not taken this much of an answer while one waits for it is too slow.
const LEAST_TAKEN: usize = 16 << 10;

/// How long answers that are under way may take once the program is to stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// An address that is listened on.
pub struct Listening(TcpListener);

impl Listening {
    /// The address, with the port that the system chose where it was left to it.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.0.local_addr().context("the system does not say which port it chose")
    }

    /// Serves until `stop` is notified, and then ends what is under way.
    pub async fn serve(self, router: Router, patience: Duration, stop: Arc<Notify>) {
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Connections::default());
        let accepting = async {
            loop {
                match self.0.accept().await {
                    Ok((stream, _)) => {
                        connections.begin(stream, &router, patience, &graceful);
                        // However many come at once, those that are there have their turn first.
                        tokio::task::yield_now().await;
                    }
                    // Out of files, mostly: that passes when connections end.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        until(accepting, stop.notified()).await;
        drop(self.0);
        let _ = timeout(FAREWELL, graceful.shutdown()).await;
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

/// Listens on a port; on one that the system chooses where that is taken and `or_any`.
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
    // A program that was just stopped leaves its port behind for a while, but not on Windows, where this would share it.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // What connections inherit.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The connections that there are.
#[derive(Default)]
struct Connections(Mutex<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    /// Since when it has waited for a request; `None` while one is being answered.
    idle_since: Option<Instant>,
    /// Whether anything was answered on it.
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
        patience: Duration,
        graceful: &GracefulShutdown,
    ) {
        let number = {
            let mut table = self.table();
            if table.open.len() >= MAX_CONNECTIONS && !table.close_idlest() {
                // All of them are being answered, and one more would be one too many.
                return;
            }
            table.next += 1;
            let number = table.next;
            table.open.insert(number, Open { idle_since: Some(Instant::now()), answered: false, task: None });
            number
        };
        let ended = Ended { connections: self.clone(), number };
        // Answers are small and whole: waiting for more of them only delays.
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
                .header_read_timeout(patience)
                .max_header_size(MAX_HEAD)
                .max_buf_size(4 * MAX_HEAD)
                .serve_connection(Taken::new(stream, patience), answer),
        );
        let task = tokio::spawn(async move {
            let _ended = ended;
            // A client that leaves or makes no sense is its own affair.
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
    /// Closes the connection that can best be spared.
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

/// Takes a connection off the table when it ends, however it does.
struct Ended {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.connections.table().open.remove(&self.number);
    }
}

/// A connection that breaks when the client takes what is written too slowly.
struct Taken {
    stream: TokioIo<TcpStream>,
    patience: Duration,
    /// While something waits to be taken: when to look again, and how much was taken since the last look.
    watch: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Taken {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Taken { stream: TokioIo::new(stream), patience, watch: None }
    }

    fn watched(
        &mut self,
        written: Poll<std::io::Result<usize>>,
        context: &mut TaskContext<'_>,
    ) -> Poll<std::io::Result<usize>> {
        if let Poll::Ready(written) = written {
            if let (Some((_, taken)), Ok(bytes)) = (&mut self.watch, &written) {
                *taken += bytes;
            }
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let (look, taken) = self.watch.get_or_insert_with(|| (Box::pin(sleep(patience)), 0));
        ready!(look.as_mut().poll(context));
        if *taken < LEAST_TAKEN {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        *taken = 0;
        look.as_mut().reset(Instant::now() + patience);
        look.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl Read for Taken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Taken {
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
        pieces: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watched(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        // It is called when all is written.
        self.watch = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
