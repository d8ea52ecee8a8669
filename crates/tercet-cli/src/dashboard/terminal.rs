//! The terminal as a screen, and back again, whatever happens.

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

/// The screen is drawn on standard error: standard output is for results.
pub type Screen = Terminal<CrosstermBackend<BufWriter<Stderr>>>;

/// Whether the terminal is a screen now.
static UP: AtomicBool = AtomicBool::new(false);

/// Refuses a dashboard that nobody could see or whose keys nobody could press.
pub fn check() -> anyhow::Result<()> {
    if progress::is_quiet() {
        return Err(exit::usage("--dashboard shows what --quiet silences: leave out one of them"));
    }
    let stream = match (std::io::stderr().is_terminal(), std::io::stdin().is_terminal()) {
        (true, true) => return Ok(()),
        (false, _) => "standard error",
        (true, false) => "standard input",
    };
    Err(exit::usage(format!(
        "--dashboard needs a terminal to draw on and to read keys from, and {stream} is none: leave it out, or \
         follow the training with --log-steps or --tensorboard"
    )))
}

/// Makes the terminal a screen. What is [told](output::tell) from now on is held until [`restore`].
pub fn raise() -> std::io::Result<Screen> {
    // A panic is said in a terminal that can show it.
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
        // Not every terminal begins an alternate screen with nothing on it. `Terminal::clear` would ask where the cursor
        // is, which not every terminal answers.
        execute!(std::io::stderr(), EnterAlternateScreen, Clear(ClearType::All))?;
        Terminal::new(CrosstermBackend::new(BufWriter::new(std::io::stderr())))
    };
    raise().inspect_err(|_| restore())
}

/// Makes the screen a terminal again, and says what was held. Does nothing where it is one.
pub fn restore() {
    if UP.swap(false, Ordering::SeqCst) {
        let mut terminal = std::io::stderr();
        // Where the terminal is gone there is nothing left to restore.
        let _ = execute!(terminal, LeaveAlternateScreen, Show);
        let _ = terminal.flush();
        let _ = disable_raw_mode();
        output::release();
    }
}
