//! `tercet serve`: the page, and models over HTTP.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Notify;

use crate::progress::say;
use crate::serve::{self, Server};
use crate::{interrupt, output};

/// The usual port.
const PORT: u16 = 8102;

/// What `tercet serve` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// Model files that POST /v1/predict asks, each by the name of its file without the extension
    #[arg(value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// The address to listen on: 0.0.0.0 lets other machines connect, which then need a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host)]
    host: IpAddr,
    /// The port to listen on [default: 8102, or any free one where that is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Do not open the page in a browser
    #[arg(long)]
    no_open: bool,
    /// A file with the token that requests must have; otherwise TERCET_TOKEN, or a new one where other machines can connect
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long a client may take to send a request, or to take an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "expected an address such as 127.0.0.1, ::1 or 0.0.0.0".to_owned())
}

/// Serves until Ctrl-C.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Of large pictures, which come and go for as long as the program runs, none leaves its memory behind.
    tercet_kernels::heap::give_large_blocks_back();
    let patience = Duration::from_secs(arguments.patience);
    let server = Server::new(&arguments.models, arguments.host, arguments.token_file.as_deref(), patience)?;
    let server = Arc::new(server);
    let stop = Arc::new(Notify::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("the operating system gives no means to serve")?;
    let (wake, models) = (stop.clone(), server.model_count());
    runtime.block_on(async {
        let listening =
            serve::listen(arguments.host, arguments.port.unwrap_or(PORT), arguments.port.is_none())?;
        let bound = listening.address()?;
        interrupt::watch_and_wake("stopping when all are answered", move || wake.notify_one())?;
        let address = server.address(reachable(bound));
        output::print(&address)?;
        if !arguments.host.is_loopback() {
            say(
                "other machines can connect, by this machine's name or address in the place of the one above; what they send, \
                 the token too, can be read on the way",
            );
        }
        say(match models {
            0 => "no model was named, so that only the page is served; Ctrl-C stops".to_owned(),
            1 => "1 model is served; Ctrl-C stops".to_owned(),
            n => format!("{n} models are served; Ctrl-C stops"),
        });
        if !arguments.no_open && has_browser() {
            open_browser(&address);
        }
        listening.serve(server.clone().router(), server.patience(), stop).await;
        anyhow::Ok(())
    })?;
    // Work that nobody waits for any more is left alone.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// An address that leads to the server: 0.0.0.0 is all of this machine's, and none that can be opened.
fn reachable(bound: SocketAddr) -> SocketAddr {
    match bound.ip().is_unspecified() {
        true => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port()),
        false => bound,
    }
}

/// Whether somebody sits before a screen where a browser can appear.
fn has_browser() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let screen = !cfg!(all(unix, not(target_os = "macos"))) || set("DISPLAY") || set("WAYLAND_DISPLAY");
    std::io::stderr().is_terminal() && screen && !set("SSH_CONNECTION")
}

fn open_browser(address: &str) {
    if let Err(error) = open::that_detached(address) {
        say(format!("no browser opened ({error}): open the address above in one"));
    }
}
