//! Runs the engines in turns, so that other load on the machine affects all of them.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

/// The pause before a turn: OpenMP threads spin for up to a fifth of a second before they sleep, and would use CPU time
/// of the next engine.
const PAUSE: Duration = Duration::from_millis(300);

/// Calls `time` for every index of `runs`, as often as its element says.
///
/// # Errors
/// The first error of `time`.
pub fn take_turns(runs: &[usize], mut time: impl FnMut(usize) -> Result<()>) -> Result<()> {
    let most = runs.iter().copied().max().unwrap_or(0);
    for turn in 0..most {
        eprintln!("turn {} of {most}", turn + 1);
        for (place, _) in runs.iter().enumerate().filter(|&(_, &runs)| turn < runs) {
            sleep(PAUSE);
            time(place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_as_many_turns_as_asked_and_nobody_two_before_the_others() {
        let mut order = Vec::new();
        let seen = take_turns(&[2, 0, 1], |place| {
            order.push(place);
            Ok(())
        });
        assert!(seen.is_ok());
        assert_eq!(order, [0, 2, 0]);
        assert!(take_turns(&[1], |_| anyhow::bail!("no")).is_err());
    }
}
