//! Ctrl-C: the first ends the work cleanly, the second at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::output;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C only asks, and whoever works looks at [`flow`]. `what_follows` is said to the user.
pub fn watch(what_follows: &'static str) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::tell(format_args!("\ninterrupted: {what_follows} (again to end at once)"));
    })?;
    Ok(())
}

/// Whether to go on.
pub fn flow() -> ControlFlow<()> {
    if was_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether Ctrl-C was pressed.
pub fn was_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
