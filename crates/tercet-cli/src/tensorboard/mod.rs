//! `tercet train --tensorboard FOLDER`: what a training goes through, for TensorBoard to draw.
//!
//! | tag | after |
//! |---|---|
//! | `loss/batch`, `learning_rate` | every step, or every n-th where there are more than 10,000 |
//! | `loss/train`, `loss/validation`, `accuracy/validation` | every look at the validation set |
//! | `update_to_weight/layer_1`, …, `dead_units/layer_1`, …, `accuracy/train_sample` | about a hundred steps, at equal distances |

mod event;

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use tercet::train::Progress;

use event::{What, record};

/// How many losses are written at most. TensorBoard itself shows a thousand points of a curve unless it is told otherwise.
const MOST_LOSSES: usize = 10_000;

/// About how many steps are measured.
const MEASUREMENTS: usize = 100;

/// How the names of event files begin; TensorBoard finds them by it.
const PREFIX: &str = "events.out.tfevents.";

/// An event file that is being written.
pub struct Events {
    file: File,
    /// The tags of what is measured of each layer.
    layers: Vec<[String; 2]>,
    /// After how many steps a loss is written.
    every: usize,
    /// After how many steps one is measured.
    measure_every: usize,
}

impl Events {
    /// Begins a file in `folder`, which is made where there is none. A training of `total` steps and so many layers with
    /// weights goes on there after step `resumed`, where it is one that goes on.
    ///
    /// # Errors
    /// What the operating system refuses; and event files of another training, whose curves would mix with these.
    pub fn begin(folder: &Path, total: usize, layers: usize, resumed: Option<usize>) -> anyhow::Result<Self> {
        if folder.exists() && !folder.is_dir() {
            bail!(
                "{} is a file; --tensorboard takes a folder, which is made where there is none",
                folder.display()
            );
        }
        let refuse = || format!("cannot write to {}", folder.display());
        std::fs::create_dir_all(folder).with_context(refuse)?;
        if resumed.is_none() && has_events(folder).with_context(refuse)? {
            bail!(
                "{} has the event files of an earlier training, whose curves would mix with these: name another \
                 folder, or remove them",
                folder.display()
            );
        }
        let layers = (1..=layers)
            .map(|n| ["update_to_weight", "dead_units"].map(|what| format!("{what}/layer_{n}")))
            .collect();
        let mut events = Events {
            file: create(folder).with_context(refuse)?,
            layers,
            every: total.div_ceil(MOST_LOSSES).max(1),
            measure_every: total.div_ceil(MEASUREMENTS).max(1),
        };
        events.write(0, &What::Version).with_context(refuse)?;
        if let Some(done) = resumed {
            events.write(done + 1, &What::Start).with_context(refuse)?;
        }
        Ok(events)
    }

    /// Whether the layers are measured at a step.
    pub fn measures(&self, step: usize) -> bool {
        step.is_multiple_of(self.measure_every)
    }

    /// Writes what there is to say after a step.
    pub fn step(&mut self, progress: &Progress<'_>) -> std::io::Result<()> {
        let step = progress.step;
        if self.measures(step + 1) {
            progress.request_stats();
        }
        if step.is_multiple_of(self.every) {
            let loss = progress.history.losses.last().copied().unwrap_or(f32::NAN);
            let scalars = [("loss/batch", loss), ("learning_rate", progress.learning_rate)];
            self.write(step, &What::Scalars(&scalars))?;
        }
        if let Some(check) = progress.validation() {
            let scalars = [
                ("loss/train", check.train_loss),
                ("loss/validation", check.validation_loss),
                ("accuracy/validation", check.validation_accuracy as f32),
            ];
            self.write(step, &What::Scalars(&scalars))?;
        }
        // Others may have asked for measurements too.
        if let Some(measured) = progress.stats().filter(|_| self.measures(step)) {
            let layers = std::mem::take(&mut self.layers);
            let mut scalars = vec![("accuracy/train_sample", measured.sample_accuracy as f32)];
            for ([update, dead], layer) in layers.iter().zip(&measured.layers) {
                // That of weights which were all 0 has no number.
                if layer.update_ratio.is_finite() {
                    scalars.push((update, layer.update_ratio as f32));
                }
                scalars.extend(layer.dead_units.map(|share| (dead.as_str(), share as f32)));
            }
            let written = self.write(step, &What::Scalars(&scalars));
            self.layers = layers;
            written?;
        }
        Ok(())
    }

    /// Each record goes to the file whole, since TensorBoard may be reading it.
    fn write(&mut self, step: usize, what: &What<'_>) -> std::io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        self.file.write_all(&record(now, step as u64, what))
    }
}

/// Whether a folder holds an event file.
fn has_events(folder: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        if entry?.file_name().to_string_lossy().starts_with(PREFIX) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A new file, whose name comes behind those before it: TensorBoard reads them in the order of their names.
fn create(folder: &Path) -> std::io::Result<File> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let path = |n: u32| -> PathBuf { folder.join(format!("{PREFIX}{seconds:010}.{n:04}.tercet")) };
    for n in 0..10_000 {
        match File::create_new(path(n)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
    Err(IoError::new(ErrorKind::AlreadyExists, format!("{} and many like it are there", path(0).display())))
}
