//! Progress on standard error: a bar on a terminal, lines elsewhere, nothing with `--quiet`.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use tercet::text;

use crate::output;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Turns all progress off.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Whether progress is off.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// A line on standard error.
pub fn say(line: impl AsRef<str>) {
    if !is_quiet() {
        output::tell(line.as_ref());
    }
}

/// A task in progress. On a terminal, it has a bar with the remaining time.
pub struct Stage {
    name: String,
    bar: ProgressBar,
    start: Instant,
}

impl Stage {
    /// Starts a stage of `steps` steps.
    pub fn new(name: impl Into<String>, steps: usize) -> Self {
        let name = name.into();
        let animated = std::io::stderr().is_terminal() && !is_quiet() && !output::holds();
        let bar = if animated { ProgressBar::new(steps as u64) } else { ProgressBar::hidden() };
        let width = output::width_of_progress();
        let template = match bar_width(&name, width) {
            0 => "{prefix}  {percent:>3} %  {eta} left  {wide_msg}".to_owned(),
            bar => format!("{{prefix}}  {{bar:{bar}}} {{percent:>3}} %  {{eta}} left  {{wide_msg}}"),
        };
        bar.set_style(
            ProgressStyle::with_template(&template).expect("a template that is tested by every run"),
        );
        bar.set_prefix(name.clone());
        Stage { name, bar, start: Instant::now() }
    }

    /// Sets the number of finished steps.
    pub fn at(&self, step: usize) {
        self.bar.set_position(step as u64);
    }

    /// Sets the number of steps finished by an earlier run, which do not count for the remaining time.
    pub fn resume_at(&self, step: usize) {
        self.at(step);
        self.bar.reset_eta();
    }

    /// Sets the note next to the bar.
    pub fn note(&self, note: impl Into<String>) {
        self.bar.set_message(note.into());
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: impl AsRef<str>) {
        self.bar.suspend(|| say(line));
    }

    /// Ends the stage with a line: its name, its duration and its result. Returns the seconds.
    pub fn done(self, result: &str) -> f64 {
        let seconds = self.start.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        let comma = if result.is_empty() { "" } else { ", " };
        say(format!("{}: {}{comma}{result}", self.name, text::seconds(seconds)));
        seconds
    }
}

/// The width of the bar: what the name and the figures leave of a line.
fn bar_width(name: &str, line: usize) -> usize {
    /// Spaces, ` 100 %`, `59m left`.
    const AROUND: usize = 20;
    /// `loss 0.1234, validation 98.10 %, 1,234,567 images/s`.
    const FIGURES: usize = 52;
    match line.saturating_sub(name.chars().count() + AROUND + FIGURES) {
        // Too short to be useful.
        0..4 => 0,
        room => room.min(24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_gives_way_to_the_figures() {
        assert_eq!(bar_width("network", 200), 24);
        assert_eq!(bar_width("network", 90), 11);
        assert_eq!(bar_width("network", 80), 0);
        assert_eq!(bar_width("a rather long name", 20), 0);
    }
}
