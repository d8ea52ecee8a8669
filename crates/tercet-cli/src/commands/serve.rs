//! `tercet serve`: the web page, and predictions over HTTP.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Notify;

use crate::args::serve::ServeArgs;
use crate::progress::say;
use crate::serve::{self, Server};
use crate::{interrupt, output};

/// The default port.
const PORT: u16 = 8102;

/// Serves until Ctrl-C.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    // The memory of large pictures is freed after each request.
    tercet_kernels::allocator::return_large_blocks();
    let timeout = Duration::from_secs(args.timeout);
    let server = Server::new(&args.models, args.host, args.token_file.as_deref(), timeout)?;
    let server = Arc::new(server);
    let stop = Arc::new(Notify::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start the server")?;
    let (wake, models) = (stop.clone(), server.model_count());
    runtime.block_on(async {
        let listening = serve::listen(args.host, args.port.unwrap_or(PORT), args.port.is_none())?;
        let bound = listening.address()?;
        interrupt::watch_and_wake("stopping after the pending requests", move || wake.notify_one())?;
        let address = server.address(reachable(bound));
        match args.json {
            true => output::print(serde_json::json!({ "address": address, "models": models }))?,
            false => output::print(&address)?,
        }
        if !args.host.is_loopback() {
            say("other machines can connect, with this machine's name or address instead of the one above; \
                 requests and the token are not encrypted");
        }
        say(match models {
            0 => "serving the page only, since no model was named; stop with Ctrl-C".to_owned(),
            1 => "serving 1 model; stop with Ctrl-C".to_owned(),
            n => format!("serving {n} models; stop with Ctrl-C"),
        });
        if !args.no_open && has_browser() {
            open_browser(&address);
        }
        listening.serve(server.clone().router(), server.timeout(), stop).await;
        anyhow::Ok(())
    })?;
    // Unfinished work is dropped if its client has disconnected.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// An address to open in a browser: 0.0.0.0 stands for all addresses of this machine, but is not an address itself.
fn reachable(bound: SocketAddr) -> SocketAddr {
    match bound.ip().is_unspecified() {
        true => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port()),
        false => bound,
    }
}

/// Whether a browser can be opened here.
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
