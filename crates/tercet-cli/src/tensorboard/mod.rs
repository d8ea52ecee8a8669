//! `tercet train --tensorboard FOLDER`: event files for TensorBoard.
//!
//! | tag | written after |
//! |---|---|
//! | `loss/batch`, `learning_rate` | every step, or every n-th if there are more than 10,000 |
//! | `loss/train`, `loss/validation`, `accuracy/validation` | every validation check |
//! | `update_to_weight/layer_1`, …, `dead_units/layer_1`, …, `accuracy/train_sample` | about a hundred steps, evenly spaced |

mod event;

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use tercet::train::Step;

use event::{What, record};

/// The largest number of losses. TensorBoard itself shows a thousand points of a curve by default.
const MOST_LOSSES: usize = 10_000;

/// Roughly how often layer statistics are written.
const STATS: usize = 100;

/// The prefix of event files, by which TensorBoard finds them.
const PREFIX: &str = "events.out.tfevents.";

/// An event file that is being written.
pub struct Events {
    file: File,
    /// The tags of the statistics of each layer.
    layers: Vec<[String; 2]>,
    /// Steps between two losses.
    every: usize,
    /// Steps between two layer statistics.
    stats_every: usize,
}

impl Events {
    /// Creates an event file in `folder`, for a run of `total` steps and `layers` layers with weights, which
    /// is resumed after step `resumed` if given. The folder is created if it does not exist.
    ///
    /// # Errors
    /// Errors of the operating system; and event files of another run, whose curves would be mixed with
    /// these.
    pub fn begin(folder: &Path, total: usize, layers: usize, resumed: Option<usize>) -> anyhow::Result<Self> {
        if folder.exists() && !folder.is_dir() {
            bail!(
                "{} is a file; --tensorboard takes a folder, which is created if it does not exist",
                folder.display()
            );
        }
        let context = || format!("cannot write to {}", folder.display());
        std::fs::create_dir_all(folder).with_context(context)?;
        if resumed.is_none() && has_events(folder).with_context(context)? {
            bail!(
                "{} has the event files of an earlier run, whose curves would be mixed with these: name \
                 another folder, or remove them",
                folder.display()
            );
        }
        let layers = (1..=layers)
            .map(|n| ["update_to_weight", "dead_units"].map(|what| format!("{what}/layer_{n}")))
            .collect();
        let mut events = Events {
            file: create(folder).with_context(context)?,
            layers,
            every: total.div_ceil(MOST_LOSSES).max(1),
            stats_every: total.div_ceil(STATS).max(1),
        };
        events.write(0, &What::Version).with_context(context)?;
        if let Some(done) = resumed {
            events.write(done + 1, &What::Start).with_context(context)?;
        }
        Ok(events)
    }

    /// Whether layer statistics are written after a step.
    pub fn wants_stats(&self, step: usize) -> bool {
        step.is_multiple_of(self.stats_every)
    }

    /// Writes the scalars of a step.
    pub fn step(&mut self, step: &Step) -> std::io::Result<()> {
        let number = step.number;
        if number.is_multiple_of(self.every) {
            let scalars = [("loss/batch", step.loss), ("learning_rate", step.learning_rate)];
            self.write(number, &What::Scalars(&scalars))?;
        }
        if let Some(check) = step.validation {
            let scalars = [
                ("loss/train", check.train_loss),
                ("loss/validation", check.validation_loss),
                ("accuracy/validation", check.validation_accuracy as f32),
            ];
            self.write(number, &What::Scalars(&scalars))?;
        }
        // The dashboard may have requested statistics of other steps.
        if let Some(stats) = step.stats.as_ref().filter(|_| self.wants_stats(number)) {
            let layers = std::mem::take(&mut self.layers);
            let mut scalars = vec![("accuracy/train_sample", stats.sample_accuracy as f32)];
            for ([update, dead], layer) in layers.iter().zip(&stats.layers) {
                // Infinite if all weights were 0.
                if layer.update_ratio.is_finite() {
                    scalars.push((update, layer.update_ratio as f32));
                }
                scalars.extend(layer.dead_units.map(|share| (dead.as_str(), share as f32)));
            }
            let written = self.write(number, &What::Scalars(&scalars));
            self.layers = layers;
            written?;
        }
        Ok(())
    }

    /// Writes each record at once, since TensorBoard may be reading the file.
    fn write(&mut self, step: usize, what: &What<'_>) -> std::io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        self.file.write_all(&record(now, step as u64, what))
    }
}

/// Whether a folder contains an event file.
fn has_events(folder: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        if entry?.file_name().to_string_lossy().starts_with(PREFIX) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A new file, whose name sorts after those of earlier files: TensorBoard reads them in this order.
fn create(folder: &Path) -> std::io::Result<File> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let path = |n: u32| -> PathBuf { folder.join(format!("{PREFIX}{seconds:010}.{n:04}.tercet")) };
    for n in 0..10_000 {
        match File::create_new(path(n)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
    Err(IoError::new(ErrorKind::AlreadyExists, format!("{} and many similar files exist", path(0).display())))
}
