//! `tercet train --dashboard`: curves of a training while it is under way, and keys that change its course.
//!
//! The training loop tells what it sees after each step ([`Dashboard::after_step`]), and asks there what keys were
//! pressed. A thread of its own draws the screen ten times a second and reads the keys, so that both work while a step
//! takes long. It changes nothing by itself: without a key, training gives the bits that it gives without a dashboard.

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
use tercet::train::{Plan, Progress};

pub use terminal::{check, restore};

use crate::training::Pace;
use crate::{interrupt, output};
use terminal::Screen;
use view::{State, View};

/// How long a picture stays, and about how often the layers are measured.
const REFRESH: Duration = Duration::from_millis(100);

/// How long the answer to a key stays, whatever else is told meanwhile: looks may come faster than pictures.
const ANSWERED: Duration = Duration::from_secs(5);

/// A dashboard on the screen. Dropping it gives the terminal back.
pub struct Dashboard {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<Vec<String>>>,
    measured: Option<Instant>,
}

/// What the training and the thread that draws it share.
struct Shared {
    view: Mutex<View>,
    asked: Asked,
    /// What a key led to, and when.
    answer: Mutex<Option<(String, Instant)>>,
    /// The training is over.
    over: AtomicBool,
}

/// What keys asked for.
#[derive(Default)]
struct Asked {
    stop: AtomicBool,
    halvings: AtomicU32,
    pause: Mutex<bool>,
    changed: Condvar,
}

impl Dashboard {
    /// Makes the terminal a screen.
    ///
    /// # Errors
    /// What the terminal refuses.
    pub fn open(name: &str, network: &Network, plan: &Plan<'_>, pace: Pace) -> std::io::Result<Self> {
        let view = View::new(name, network, plan, pace, output::coloured());
        let shared = Arc::new(Shared {
            view: Mutex::new(view),
            asked: Asked::default(),
            answer: Mutex::new(None),
            over: AtomicBool::new(false),
        });
        let mut screen = terminal::raise()?;
        let of_thread = Arc::clone(&shared);
        let painter = std::thread::Builder::new().name("dashboard".to_owned()).spawn(move || {
            let _end = NoMorePauses(&of_thread.asked);
            // Where the terminal is gone, the training goes on.
            of_thread.paint(&mut screen).unwrap_or_default()
        });
        match painter {
            Ok(painter) => Ok(Dashboard { shared, painter: Some(painter), measured: None }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Shows a step, waits while it is to pause, and says whether to go on; also how long it waited.
    pub fn after_step(
        &mut self,
        progress: &Progress<'_>,
        loss: f32,
        pace: Pace,
    ) -> (ControlFlow<()>, Duration) {
        let Shared { view, asked, answer, .. } = &*self.shared;
        {
            let mut view = lock(view);
            view.follow(progress, pace);
            view.loss = loss;
        }
        if self.measured.is_none_or(|measured| measured.elapsed() >= REFRESH) {
            progress.request_stats();
            self.measured = Some(Instant::now());
        }
        let waited = asked.wait();
        let halvings = asked.halvings.swap(0, Ordering::Relaxed);
        if halvings > 0 && progress.step < progress.total {
            // So many that the factor were 0 change nothing.
            let changed = progress.scale_learning_rate(0.5f32.powi(halvings.min(1000) as i32));
            let times = if halvings == 1 { "halved".to_owned() } else { format!("halved {halvings} times") };
            if changed.is_ok() {
                let step = text::thousands(progress.step);
                let line = format!("learning rate {times} after step {step}");
                output::tell(&line);
                *lock(answer) = Some((line, Instant::now()));
            }
        }
        let stop = asked.stop.load(Ordering::Relaxed) || interrupt::was_asked();
        (if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }, waited)
    }

    /// Gives the terminal back, says what was told meanwhile, and leaves the last picture there.
    pub fn close(mut self) {
        for line in self.end() {
            output::tell(line);
        }
    }

    /// Ends the thread; returns the last picture.
    fn end(&mut self) -> Vec<String> {
        self.shared.over.store(true, Ordering::Relaxed);
        // A thread that panicked has said so and given the terminal back.
        let picture = self.painter.take().and_then(|painter| painter.join().ok());
        restore();
        picture.unwrap_or_default()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Draws and reads keys until the training is over; returns the last picture.
    fn paint(&self, screen: &mut Screen) -> std::io::Result<Vec<String>> {
        let mut next = Instant::now();
        while !self.over.load(Ordering::Relaxed) {
            if Instant::now() >= next {
                let view = self.look();
                screen.draw(|frame| draw::draw(frame, &view))?;
                next = Instant::now() + REFRESH;
            }
            if event::poll(next.saturating_duration_since(Instant::now()))? {
                match event::read()? {
                    Event::Key(key) if key.kind == KeyEventKind::Press => self.asked.press(key),
                    Event::Key(_) => continue,
                    _ => {}
                }
                // An answer at once.
                next = Instant::now();
            }
        }
        let view = View { state: State::Over, message: None, ..self.look() };
        let picture = screen.draw(|frame| draw::draw(frame, &view))?;
        Ok(if draw::fits(picture.area) { draw::in_lines(picture.buffer) } else { Vec::new() })
    }

    /// What is to be seen now.
    fn look(&self) -> View {
        let mut view = lock(&self.view).clone();
        view.to_halve = self.asked.halvings.load(Ordering::Relaxed);
        let answer = lock(&self.answer).clone().filter(|(_, at)| at.elapsed() < ANSWERED);
        view.message = answer.map(|(line, _)| line).or_else(output::last_held);
        view.state = match () {
            () if self.asked.stop.load(Ordering::Relaxed) || interrupt::was_asked() => State::Stopping,
            () if *lock(&self.asked.pause) => State::Paused,
            () => State::Running,
        };
        view
    }
}

impl Asked {
    /// Understands a key.
    fn press(&self, key: KeyEvent) {
        match key.code {
            // In a terminal that is a screen, Ctrl-C is a key like others.
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

    /// Waits while there is a pause that nothing ends; says how long.
    fn wait(&self) -> Duration {
        let mut pause = lock(&self.pause);
        if !*pause {
            return Duration::ZERO;
        }
        let begun = Instant::now();
        while *pause && !self.stop.load(Ordering::Relaxed) && !interrupt::was_asked() {
            // A signal wakes nobody here, so that it is looked for now and then.
            (pause, _) = self.changed.wait_timeout(pause, REFRESH).unwrap_or_else(PoisonError::into_inner);
        }
        begun.elapsed()
    }
}

/// Without anybody to press a key, a pause would last for ever.
struct NoMorePauses<'a>(&'a Asked);

impl Drop for NoMorePauses<'_> {
    fn drop(&mut self) {
        *lock(&self.0.pause) = false;
        self.0.changed.notify_all();
    }
}

/// A panic elsewhere leaves nothing half-done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(asked: &Asked, code: KeyCode) {
        asked.press(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn keys_ask_for_what_the_screen_says() {
        let asked = Asked::default();
        press(&asked, KeyCode::Char('x'));
        press(&asked, KeyCode::Enter);
        asked.press(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL));
        assert!(!asked.stop.load(Ordering::Relaxed) && !*lock(&asked.pause));
        press(&asked, KeyCode::Char('h'));
        press(&asked, KeyCode::Char('H'));
        assert_eq!(asked.halvings.load(Ordering::Relaxed), 2);
        press(&asked, KeyCode::Char(' '));
        assert!(*lock(&asked.pause));
        press(&asked, KeyCode::Char(' '));
        assert_eq!(asked.wait(), Duration::ZERO);
        press(&asked, KeyCode::Char('q'));
        assert!(asked.stop.load(Ordering::Relaxed));
    }

    #[test]
    fn a_pause_ends_by_a_key_by_a_stop_and_with_the_thread_that_reads_keys() {
        for end in [
            (|asked: &Asked| press(asked, KeyCode::Char(' '))) as fn(&Asked),
            |asked| press(asked, KeyCode::Char('s')),
            |asked| drop(NoMorePauses(asked)),
        ] {
            let asked = Asked::default();
            press(&asked, KeyCode::Char(' '));
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| asked.wait());
                std::thread::sleep(Duration::from_millis(20));
                assert!(!waiting.is_finished());
                end(&asked);
                assert!(waiting.join().unwrap() > Duration::ZERO);
            });
        }
    }
}
