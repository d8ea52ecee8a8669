//! `tercet train --dashboard`: live curves of a training run, and keys to control it.
//!
//! The training loop calls [`Dashboard::after_step`] after each step, which also handles the keys that were
//! pressed. A separate thread draws the screen ten times a second and reads the keys, so that both work
//! during long steps. Unless a key is pressed, training gives the same bits as without a dashboard.

mod curve;
mod draw;
mod terminal;
mod view;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tercet::network::Network;
use tercet::text;
use tercet::train::{Plan, Step, Trainer};

pub use terminal::{check, restore};

use crate::training::Pace;
use crate::{interrupt, output};
use terminal::Screen;
use view::{State, View};

/// How often the screen is drawn, and roughly how often layer statistics are computed.
const REFRESH: Duration = Duration::from_millis(100);

/// How long the reply to a key stays on the screen, whatever other messages there are.
const REPLY_TIME: Duration = Duration::from_secs(5);

/// A dashboard on the screen. Dropping it restores the terminal.
pub struct Dashboard {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<Vec<String>>>,
    stats_requested: Option<Instant>,
}

/// What the training loop and the drawing thread share.
struct Shared {
    view: Mutex<View>,
    requests: Requests,
    /// The reply to a key, and its time.
    reply: Mutex<Option<(String, Instant)>>,
    /// Training has ended.
    over: AtomicBool,
}

/// The requests of keys.
#[derive(Default)]
struct Requests {
    stop: AtomicBool,
    halvings: AtomicU32,
    pause: Mutex<bool>,
    changed: Condvar,
}

impl Dashboard {
    /// Opens the dashboard.
    ///
    /// # Errors
    /// Errors of the terminal.
    pub fn open(name: &str, network: &Network, plan: &Plan, pace: Pace) -> std::io::Result<Self> {
        let view = View::new(name, network, plan, pace, output::coloured());
        let shared = Arc::new(Shared {
            view: Mutex::new(view),
            requests: Requests::default(),
            reply: Mutex::new(None),
            over: AtomicBool::new(false),
        });
        let mut screen = terminal::raise()?;
        let of_thread = Arc::clone(&shared);
        let painter = std::thread::Builder::new().name("dashboard".to_owned()).spawn(move || {
            let _end = EndPauses(&of_thread.requests);
            // If the terminal is gone, training continues.
            of_thread.paint(&mut screen).unwrap_or_default()
        });
        match painter {
            Ok(painter) => Ok(Dashboard { shared, painter: Some(painter), stats_requested: None }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Shows a step and waits during a pause. Returns whether to continue, and how long it waited.
    pub fn after_step(
        &mut self,
        trainer: &mut Trainer,
        step: &Step,
        loss: f32,
        pace: Pace,
    ) -> (ControlFlow<()>, Duration) {
        let Shared { view, requests, reply, .. } = &*self.shared;
        {
            let mut view = lock(view);
            view.follow(trainer.history(), step, pace);
            view.loss = loss;
        }
        if self.stats_requested.is_none_or(|at| at.elapsed() >= REFRESH) {
            trainer.request_stats();
            self.stats_requested = Some(Instant::now());
        }
        let waited = requests.wait();
        let halvings = requests.halvings.swap(0, Ordering::Relaxed);
        if halvings > 0 && step.ending.is_none() {
            // A factor of 0 would be rejected.
            let changed = trainer.scale_learning_rate(0.5f32.powi(halvings.min(1000) as i32));
            let times = if halvings == 1 { "halved".to_owned() } else { format!("halved {halvings} times") };
            if changed.is_ok() {
                let step = text::thousands(step.number);
                let line = format!("learning rate {times} after step {step}");
                output::tell(&line);
                *lock(reply) = Some((line, Instant::now()));
            }
        }
        let stop = requests.stop.load(Ordering::Relaxed) || interrupt::was_asked();
        (if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }, waited)
    }

    /// Restores the terminal, prints the messages that were held back, and leaves the last screen there.
    pub fn close(mut self) {
        for line in self.end() {
            output::tell(line);
        }
    }

    /// Ends the thread and returns the last screen.
    fn end(&mut self) -> Vec<String> {
        self.shared.over.store(true, Ordering::Relaxed);
        // A panic of the thread has been reported, and has restored the terminal.
        let screen = self.painter.take().and_then(|painter| painter.join().ok());
        restore();
        screen.unwrap_or_default()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Draws and reads keys until training has ended; returns the last screen.
    fn paint(&self, screen: &mut Screen) -> std::io::Result<Vec<String>> {
        let mut next = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            if Instant::now() >= next {
                let view = self.view();
                screen.draw(|frame| draw::draw(frame, &view))?;
                next = Instant::now() + REFRESH;
            }
            if event::poll(next.saturating_duration_since(Instant::now()))? {
                match event::read()? {
                    Event::Key(key) if key.kind == KeyEventKind::Press => self.requests.press(key),
                    Event::Key(_) => continue,
                    _ => {}
                }
                // Reply immediately.
                next = Instant::now();
            }
        }
        let view = View { state: State::Over, message: None, ..self.view() };
        let last = screen.draw(|frame| draw::draw(frame, &view))?;
        Ok(if draw::fits(last.area) { draw::in_lines(last.buffer) } else { Vec::new() })
    }

    /// The current content of the screen.
    fn view(&self) -> View {
        let mut view = lock(&self.view).clone();
        view.to_halve = self.requests.halvings.load(Ordering::Relaxed);
        let reply = lock(&self.reply).clone().filter(|(_, at)| at.elapsed() < REPLY_TIME);
        view.message = reply.map(|(line, _)| line).or_else(output::last_held);
        view.state = match () {
            () if self.requests.stop.load(Ordering::Relaxed) || interrupt::was_asked() => State::Stopping,
            () if *lock(&self.requests.pause) => State::Paused,
            () => State::Running,
        };
        view
    }
}

impl Requests {
    /// Handles a key.
    fn press(&self, key: KeyEvent) {
        match key.code {
            // In raw mode, Ctrl-C is a key and not a signal.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => interrupt::ask(),
            _ if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {}
            KeyCode::Char(' ') => {
                let mut pause = lock(&self.pause);
                *pause = !*pause;
            }
            KeyCode::Char('s' | 'S' | 'q' | 'Q') => self.stop.store(true, Ordering::Relaxed),
            KeyCode::Char('h' | 'H') => {
                self.halvings.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        self.changed.notify_all();
    }

    /// Waits until a pause ends; returns how long that was.
    fn wait(&self) -> Duration {
        let mut pause = lock(&self.pause);
        if !*pause {
            return Duration::ZERO;
        }
        let begun = Instant::now();
        while *pause && !self.stop.load(Ordering::Relaxed) && !interrupt::was_asked() {
            // A signal does not notify the condition variable, so it is checked from time to time.
            (pause, _) = self.changed.wait_timeout(pause, REFRESH).unwrap_or_else(PoisonError::into_inner);
        }
        begun.elapsed()
    }
}

/// Ends a pause when no more keys are read.
struct EndPauses<'a>(&'a Requests);

impl Drop for EndPauses<'_> {
    fn drop(&mut self) {
        *lock(&self.0.pause) = false;
        self.0.changed.notify_all();
    }
}

/// A panic elsewhere leaves the data behind these locks intact.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(requests: &Requests, code: KeyCode) {
        requests.press(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn keys_do_what_the_screen_says() {
        let requests = Requests::default();
        press(&requests, KeyCode::Char('x'));
        press(&requests, KeyCode::Enter);
        requests.press(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL));
        assert!(!requests.stop.load(Ordering::Relaxed) && !*lock(&requests.pause));
        press(&requests, KeyCode::Char('h'));
        press(&requests, KeyCode::Char('H'));
        assert_eq!(requests.halvings.load(Ordering::Relaxed), 2);
        press(&requests, KeyCode::Char(' '));
        assert!(*lock(&requests.pause));
        press(&requests, KeyCode::Char(' '));
        assert_eq!(requests.wait(), Duration::ZERO);
        press(&requests, KeyCode::Char('q'));
        assert!(requests.stop.load(Ordering::Relaxed));
    }

    #[test]
    fn a_pause_ends_with_a_key_a_stop_or_the_thread_that_reads_keys() {
        for end in [
            (|requests: &Requests| press(requests, KeyCode::Char(' '))) as fn(&Requests),
            |requests| press(requests, KeyCode::Char('s')),
            |requests| drop(EndPauses(requests)),
        ] {
            let requests = Requests::default();
            press(&requests, KeyCode::Char(' '));
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| requests.wait());
                std::thread::sleep(Duration::from_millis(20));
                assert!(!waiting.is_finished());
                end(&requests);
                assert!(waiting.join().unwrap() > Duration::ZERO);
            });
        }
    }
}
