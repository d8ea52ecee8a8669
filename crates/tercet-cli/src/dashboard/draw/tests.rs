//! The text on the screen, and screens of any size.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tercet::Dataset;
use tercet::network::{Init, Network};
use tercet::train::{Length, Plan, Settings};

use super::*;
use crate::training::Pace;

/// A run in the middle: a network of two hidden layers, 400 of 1,000 steps, ten validation checks.
fn view() -> View {
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let set = Dataset::from_features("x", 3, vec![0.5; 30], vec![0; 10], classes).unwrap();
    let settings = Settings { batch: 1, length: Length::Epochs(100), ..Settings::default() };
    let network = Network::fully_connected(3, &[1200, 7], 2, Init::He, 0).unwrap();
    let pace = Pace { seconds: 2.0, steps: 400, seen: 25_600, images: "images" };
    let mut view = View::new("network", &network, &Plan::new(&set, settings, 0), pace, true);
    assert_eq!(view.total, 1000);
    for step in 1..=400 {
        view.train_losses.push(step, 2.0 / step as f64);
    }
    for check in 1..=10 {
        view.validation_losses.push(check * 40, 0.3);
        view.validation_accuracies.push(check * 40, 0.9);
        view.train_accuracies.push(check * 40, 0.8 + check as f64 / 100.0);
    }
    for (layer, (ratio, dead)) in
        view.layers.iter_mut().zip([(0.00123, Some(0.25)), (0.5, Some(1.0 / 7.0)), (f64::INFINITY, None)])
    {
        layer.update_ratio = Some(ratio);
        (1..=3).for_each(|step| layer.ratios.push(step, -f64::from(step as u32)));
        layer.dead_units = dead;
    }
    View { step: 400, learning_rate: 0.025, factor: 0.25, loss: 0.1234, accuracy: Some(0.9), ..view }
}

/// The screen as lines.
fn screen(view: &View, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    in_lines(terminal.backend().buffer())
}

/// The number of the first line with these words.
#[track_caller]
fn line(lines: &[String], words: &str) -> usize {
    let found = lines.iter().position(|line| line.contains(words));
    found.unwrap_or_else(|| panic!("no {words:?} in\n{}", lines.join("\n")))
}

#[test]
fn everything_is_on_a_screen_of_the_usual_size() {
    let view = View { message: Some("a message\u{1b}[2J".to_owned()), ..view() };
    let lines = screen(&view, 80, 24);
    assert_eq!(lines.len(), 24);
    assert!(
        lines[0].starts_with(" network 3-1200-7-2")
            && lines[0].ends_with("step 400 of 1,000, epoch 40.0 of 100")
    );
    assert!(lines[1].contains("40 %, 3 s left"), "{}", lines[1]);
    assert!(lines[2].contains("loss (log): ⠤ train  • validation") && lines[2].contains("accuracy: "));
    // The largest loss above, the smallest below: means of five losses each, since a curve has no more dots
    // than 80.
    assert!(
        line(&lines, " 0.913│") < line(&lines, "0.00503│")
            && line(&lines, "90.0 %│") < line(&lines, "81.0 %│")
    );
    let layers = line(&lines, "layers");
    assert!(lines[layers + 2].starts_with(" 1  3 → 1200") && lines[layers + 2].contains("0.00123"));
    assert!(lines[layers + 2].contains("█▅▁") && lines[layers + 2].ends_with("300 of 1,200, 25.00 %"));
    assert!(!lines[layers + 4].contains("inf"), "{}", lines[layers + 4]);
    assert!(lines[layers + 3].ends_with("1 of 7, 14.29 %") && lines[layers + 4].ends_with("–"));
    assert_eq!(lines[21], " loss 0.1234  validation 90.00 %  lr 0.0250 (÷ 4)  12,800 images/s");
    assert_eq!(lines[22], " a message[2J", "without control characters");
    assert_eq!(lines[23], " space  pause   h  halve the learning rate   s  stop and keep the model");
}

#[test]
fn the_state_is_shown() {
    let paused = screen(&View { state: State::Paused, to_halve: 2, ..view() }, 80, 24);
    assert!(
        paused[0].ends_with("PAUSED") && paused[23].contains("resume") && paused[23].contains("rate (2)")
    );
    let stopping = screen(&View { state: State::Stopping, ..view() }, 80, 24);
    assert!(stopping[0].ends_with("stopping"), "{}", stopping[0]);
    let over = screen(&View { state: State::Over, ..view() }, 80, 24);
    assert!(!over.iter().any(|line| line.contains("space") || line.contains("left")), "{over:?}");
    assert!(over[23].starts_with(" loss 0.1234"));
}

#[test]
fn a_small_screen_shows_less_and_a_smaller_one_says_so() {
    let lines = screen(&view(), 40, 12);
    assert_eq!(lines.len(), 12);
    assert!(
        lines[0].starts_with(" network 3-1200-7-2") && lines[0].ends_with(" 400 of 1,000"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("40 %"), "{}", lines[1]);
    line(&lines, "loss (log): ⠤ train  • validation");
    assert!(!lines.iter().any(|line| line.contains("accuracy") || line.contains("layers")), "{lines:?}");
    assert_eq!(lines[9], " loss 0.1234  validation 90.00 %  lr");
    assert_eq!(lines[10], "0.0250 (÷ 4)  12,800 images/s");
    assert_eq!(lines[11], " space  pause   h  halve rate   s  stop");
    for (width, height) in [(39, 12), (40, 11), (25, 3)] {
        let lines = screen(&view(), width, height);
        assert_eq!(lines[..2], ["400 of 1,000", "loss 0.1234"]);
        assert!(lines[2].starts_with("too small: 40 × 12 needed"), "{lines:?}");
    }
}

#[test]
fn nothing_is_drawn_from_nothing_and_no_size_is_too_odd() {
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let set = Dataset::from_features("x", 1, vec![0.0], vec![0], classes).unwrap();
    let settings = Settings { length: Length::Iterations(usize::MAX), ..Settings::default() };
    let network = Network::fully_connected(1, &[1; 90], 2, Init::He, 0).unwrap();
    let pace = Pace { seconds: 0.0, steps: 0, seen: 0, images: "examples" };
    let begun = View::new("network", &network, &Plan::new(&set, settings, 0), pace, false);
    let mut odd = begun.clone();
    odd.train_losses.push(1, 0.0);
    odd.validation_losses.push(usize::MAX, f64::MAX);
    odd.validation_accuracies.push(3, 1.0);
    odd.pace = Pace { seconds: 1e9, steps: 1, seen: u64::MAX, images: "examples" };
    (odd.step, odd.factor, odd.learning_rate) = (usize::MAX, 0.0, f32::NAN);
    odd.layers[0].update_ratio = Some(f64::NAN);
    let lines = screen(&begun, 100, 30);
    line(&lines, "nothing yet");
    line(&lines, "layers, the first 8 of 91");
    for view in [&begun, &odd, &view()] {
        for (width, height) in
            (0..45).chain([71, 72, 73, 130, 300]).flat_map(|width| (0..45).map(move |height| (width, height)))
        {
            screen(view, width, height);
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    let coloured = |view: &View| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal
            .backend()
            .buffer()
            .content
            .iter()
            .any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(coloured(&view()));
    assert!(!coloured(&View { colours: false, ..view() }));
}
