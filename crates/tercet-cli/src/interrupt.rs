//! Ctrl-C: the first ends the work cleanly, the second at once.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{dashboard, output};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What follows an interruption, as the user is told.
static FOLLOWS: OnceLock<&'static str> = OnceLock::new();

/// Who sleeps until Ctrl-C is pressed.
static WAKE: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// [`watch`] for those who sleep: the first Ctrl-C calls `wake` as well.
pub fn watch_and_wake(
    what_follows: &'static str,
    wake: impl Fn() + Send + Sync + 'static,
) -> anyhow::Result<()> {
    WAKE.get_or_init(|| Box::new(wake));
    watch(what_follows)
}

/// From now on the first Ctrl-C only asks, and whoever works looks at [`flow`]. `what_follows` is said to the user.
pub fn watch(what_follows: &'static str) -> anyhow::Result<()> {
    FOLLOWS.get_or_init(|| what_follows);
    ctrlc::set_handler(ask)?;
    Ok(())
}

/// What Ctrl-C does.
pub fn ask() {
    if ASKED.swap(true, Ordering::Relaxed) {
        dashboard::restore();
        std::process::exit(130);
    }
    let what_follows = FOLLOWS.get().unwrap_or(&"stopping");
    // Behind what the terminal shows of the key.
    let new_line = if output::holds() { "" } else { "\n" };
    output::tell(format_args!("{new_line}interrupted: {what_follows} (again to end at once)"));
    if let Some(wake) = WAKE.get() {
        wake();
    }
}

/// Whether to go on.
pub fn flow() -> ControlFlow<()> {
    if was_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether Ctrl-C was pressed.
pub fn was_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
