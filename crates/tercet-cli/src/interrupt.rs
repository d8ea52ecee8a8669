//! Ctrl-C: the first stops the work cleanly, the second immediately.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{dashboard, output};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// What the program does after an interruption, for the message.
static WHAT_FOLLOWS: OnceLock<&'static str> = OnceLock::new();

/// Called by the first Ctrl-C.
static WAKE: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// [`watch`], with a callback for the first Ctrl-C.
pub fn watch_and_wake(
    what_follows: &'static str,
    wake: impl Fn() + Send + Sync + 'static,
) -> anyhow::Result<()> {
    WAKE.get_or_init(|| Box::new(wake));
    watch(what_follows)
}

/// From now on the first Ctrl-C sets a flag, which [`flow`] returns, and prints `what_follows`.
pub fn watch(what_follows: &'static str) -> anyhow::Result<()> {
    WHAT_FOLLOWS.get_or_init(|| what_follows);
    ctrlc::set_handler(ask)?;
    Ok(())
}

/// The handler of Ctrl-C.
pub fn ask() {
    if REQUESTED.swap(true, Ordering::Relaxed) {
        dashboard::restore();
        std::process::exit(130);
    }
    let what_follows = WHAT_FOLLOWS.get().unwrap_or(&"stopping");
    // After the `^C` that terminals print.
    let new_line = if output::holds() { "" } else { "\n" };
    output::tell(format_args!("{new_line}interrupted: {what_follows} (press again to stop immediately)"));
    if let Some(wake) = WAKE.get() {
        wake();
    }
}

/// Whether to continue.
pub fn flow() -> ControlFlow<()> {
    if was_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether Ctrl-C was pressed.
pub fn was_asked() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
