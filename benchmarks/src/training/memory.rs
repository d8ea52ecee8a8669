//! The peak memory of a process that opens MNIST and trains a network on it.
//!
//! The peak of a process includes the memory of all earlier works, so the training runs in a separate
//! process: this program, called with `--memory-of`.

use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tercet::data::{Source, default_validation, split};
use tercet::recipe::GradientDescentRecipe;
use tercet::train::{Length, Settings};

use super::outcome::{Memory, Outcome};
use super::session::Session;
use super::works::{Recipe, Work};

/// Runs such a process; `None` if the system does not report peak memory.
///
/// # Errors
/// A process that fails or prints something else.
pub fn measure(session: &Session, work: &Work) -> Result<Option<Outcome>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let mut command = Command::new(std::env::current_exe().context("cannot tell where this program is")?);
    command.args([
        "training",
        "--memory-of",
        work.name,
        "--threads",
        &session.conditions.threads.to_string(),
    ]);
    if session.quick {
        command.arg("--quick");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the process that trains failed ({})", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(&said)
        .with_context(|| format!("the process that trains says {:?}; expected JSON", said.trim()))?;
    let bytes = |name: &str| answer[name].as_u64().with_context(|| format!("no number {name} in {answer}"));
    let memory = Memory { peak: bytes("peak")?, data: bytes("data")? };
    Ok(Some(Outcome { memory: Some(memory), ..Outcome::of_tercet() }))
}

/// The work of that process: opens MNIST, trains with a validation set as the program `tercet` does, and
/// reports its peak memory.
///
/// # Errors
/// Those of the library, and a system that does not report peak memory.
pub fn train_and_tell(recipe: &Recipe, quick: bool) -> Result<Value> {
    let mnist = Source::Mnist.open()?;
    let parts = split(&mnist.train, default_validation(mnist.train.len()), 0)?;
    let length = if quick { Length::Iterations(20) } else { recipe.length };
    let settings = Settings { length, ..recipe.settings(false) };
    let recipe = GradientDescentRecipe { train: settings, ..recipe.of_library(false)? };
    recipe.fit(&parts, None, &mut |_| ControlFlow::Continue(()))?;
    let test = mnist.test.map_or(0, |test| test.len());
    // Pixels, and a label of four bytes for each image.
    let data = (mnist.train.len() + test) * (mnist.train.width() + 4);
    Ok(json!({"peak": peak()?, "data": data}))
}

/// The peak memory of this process, in bytes.
fn peak() -> Result<u64> {
    let path = "/proc/self/status";
    let status = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    match high_water_mark(&status) {
        Some(bytes) => Ok(bytes),
        None => bail!("{path} has no line like `VmHWM: 1234 kB`"),
    }
}

/// The peak memory in Linux's status of a process, in bytes.
fn high_water_mark(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        let status = "Name:\ttercet\nVmPeak:\t  999 kB\nVmHWM:\t   12 kB\nVmRSS:\t 7 kB\n";
        assert_eq!(high_water_mark(status), Some(12 * 1024));
        assert_eq!(high_water_mark("VmHWM:\t12\n"), None);
        assert_eq!(high_water_mark("Name:\tx\n"), None);
    }
}
