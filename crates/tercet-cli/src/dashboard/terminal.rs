//! Switches the terminal to a full screen, and restores it whatever happens.

use std::io::{BufWriter, IsTerminal, Stderr, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::{exit, output, progress};

/// The screen is drawn on standard error, since standard output is for results.
pub type Screen = Terminal<CrosstermBackend<BufWriter<Stderr>>>;

/// Whether the terminal is in full-screen mode.
static UP: AtomicBool = AtomicBool::new(false);

/// Rejects a dashboard without a terminal.
pub fn check() -> anyhow::Result<()> {
    if progress::is_quiet() {
        return Err(exit::usage("--dashboard contradicts --quiet: leave out one of them"));
    }
    let stream = match (std::io::stderr().is_terminal(), std::io::stdin().is_terminal()) {
        (true, true) => return Ok(()),
        (false, _) => "standard error",
        (true, false) => "standard input",
    };
    Err(exit::usage(format!(
        "--dashboard needs a terminal for the screen and the keys, and {stream} is not a terminal: leave it \
         out, or use --log-steps or --tensorboard"
    )))
}

/// Switches the terminal to a full screen. Messages are [held back](output::hold) until [`restore`].
pub fn raise() -> std::io::Result<Screen> {
    // A panic restores the terminal before it is printed.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let say = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            say(panic);
        }));
    });
    output::hold();
    UP.store(true, Ordering::SeqCst);
    let raise = || {
        enable_raw_mode()?;
        // Some terminals do not clear the alternate screen. `Terminal::clear` would query the position of the
        // cursor, which some terminals do not answer.
        execute!(std::io::stderr(), EnterAlternateScreen, Clear(ClearType::All))?;
        Terminal::new(CrosstermBackend::new(BufWriter::new(std::io::stderr())))
    };
    raise().inspect_err(|_| restore())
}

/// Restores the terminal, and prints the messages that were held back. Does nothing if it is not in
/// full-screen mode.
pub fn restore() {
    if UP.swap(false, Ordering::SeqCst) {
        let mut terminal = std::io::stderr();
        // Errors mean that the terminal is gone.
        let _ = execute!(terminal, LeaveAlternateScreen, Show);
        let _ = terminal.flush();
        let _ = disable_raw_mode();
        output::release();
    }
}
