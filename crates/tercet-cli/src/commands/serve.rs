//! `tercet serve`: the page, and models over HTTP.

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

/// The usual port.
const PORT: u16 = 8102;

/// Serves until Ctrl-C.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    // Of large pictures, which come and go for as long as the program runs, none leaves its memory behind.
    tercet_kernels::heap::give_large_blocks_back();
    let patience = Duration::from_secs(args.patience);
    let server = Server::new(&args.models, args.host, args.token_file.as_deref(), patience)?;
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
            serve::listen(args.host, args.port.unwrap_or(PORT), args.port.is_none())?;
        let bound = listening.address()?;
        interrupt::watch_and_wake("stopping when all are answered", move || wake.notify_one())?;
        let address = server.address(reachable(bound));
        output::print(&address)?;
        if !args.host.is_loopback() {
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
        if !args.no_open && has_browser() {
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
