//! Preprocessing: what is done to every example before a model sees it, in one place for all interfaces.
//!
//! ```text
//! training examples → Preprocessing::fit
//! bytes → decode → Picture → Preprocessing::picture → Prepared → example
//!                                          examples → Preprocessing::apply → what the classifier reads
//! ```
//!
//! A [`Preprocessing`] is an ordered list of named [`Step`]s. It is fitted on the training examples only, saved with
//! the model, and applied by the same code to all inputs of the model: training, validation and test sets, pictures
//! from a file, a camera or a request, arrays from Python. So the pictures of a data set get the same scores from
//! `predict` as from `evaluate`.
//!
//! | step | applied to | what it does |
//! |---|---|---|
//! | `grayscale`, `color` | pictures | converts to the channels of the training pictures |
//! | `center` | pictures | finds the ink and brings it into the [`Layout`] of the training pictures |
//! | `resize` | pictures | scales the picture to the model's size |
//! | `invert`, `deskew`, `size-normalize`, `blur` | pixels of every example | in this order |
//! | `scale` | numbers of every example | divides by a constant: pixels by 255 |
//! | `standardize` | numbers of every example | mean 0 and standard deviation 1 of each feature: [`Standardize`] |
//!
//! By default, pictures are centred like the training pictures if those have a common layout, and otherwise resized.
//! For models that learn weights, pixels are scaled to 0 … 1 (dark ink on light paper is inverted first), and features
//! are standardised. Nearest neighbours compare features as they are. [`Spec`] changes these defaults.

mod center;
mod layout;
mod picture;
mod pixels;
mod spec;
mod standardize;

use serde::{Deserialize, Serialize};

pub use layout::{Anchor, Layout, Paper};
pub use picture::{Character, Characters, Prepared, Stage, StageName};
pub use spec::{Spec, StepSpec};
pub use standardize::Standardize;

use crate::data::{Dataset, Examples};
use crate::image::{ImageShape, MAX_BLUR, MAX_SIDE};
use crate::{Error, Result};

/// The maximum number of channels of an image: a colour picture's and one more.
const MAX_CHANNELS: usize = 4;

/// The kind of model, which determines the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learner {
    /// Nearest neighbours: distances between features as they are.
    Neighbors,
    /// Linear classifiers and networks: weights, which train best on inputs of similar scale.
    Weights,
}

/// The shape and type of an example before any step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// D, the number of features.
    pub features: usize,
    /// The shape of the images, if the examples are images.
    pub image: Option<ImageShape>,
    /// Whether the features are pixels from 0 to 255.
    pub pixels: bool,
}

impl Input {
    /// The input of a model trained on these examples.
    pub fn of(examples: &Examples) -> Self {
        Input { features: examples.width(), image: examples.feature_shape(), pixels: examples.is_pixels() }
    }

    /// Pixels of images.
    pub fn pixels(shape: ImageShape) -> Self {
        let features = shape.width.saturating_mul(shape.height).saturating_mul(shape.channels);
        Input { features, image: Some(shape), pixels: true }
    }

    /// D features that are not images.
    pub fn features(features: usize) -> Self {
        Input { features, image: None, pixels: false }
    }

    /// # Errors
    /// No features; an image whose values are not D; pixels without an image, or with a side of 0 or above
    /// [`MAX_SIDE`], no channels or more than 4. (Pictures are only ever converted to pixels, not to other numbers.)
    fn check(&self) -> Result<()> {
        if self.features == 0 {
            return Err(Error::mismatch("features of the model's input", 0, "at least 1"));
        }
        let Some(shape) = self.image else {
            return match self.pixels {
                true => Err(Error::mismatch("the model's input", "pixels without an image", "its shape")),
                false => Ok(()),
            };
        };
        let sides = 1..=MAX_SIDE as usize;
        if self.pixels && !(sides.contains(&shape.width) && sides.contains(&shape.height)) {
            let expected = format!("1 to {MAX_SIDE} pixels a side");
            return Err(Error::mismatch("image of the model's input", shape, expected));
        }
        if self.pixels && !(1..=MAX_CHANNELS).contains(&shape.channels) {
            let expected = format!("1 to {MAX_CHANNELS}");
            return Err(Error::mismatch("channels of the model's input", shape.channels, expected));
        }
        // A file may claim sizes whose product overflows.
        let values = shape.width.checked_mul(shape.height).and_then(|area| area.checked_mul(shape.channels));
        match values == Some(self.features) {
            true => Ok(()),
            false => Err(Error::mismatch("features of the model's input", self.features, shape)),
        }
    }
}

/// `images of 28 × 28 pixels`, or `13 features`.
impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.image, self.pixels) {
            (Some(shape), true) => write!(f, "images of {shape} pixels"),
            (Some(shape), false) => write!(f, "images of {shape} numbers"),
            (None, _) => write!(f, "{} features", self.features),
        }
    }
}

/// A fitted step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Step {
    /// Converts colour pictures to grey.
    Grayscale,
    /// Converts grey pictures to colour.
    Color,
    /// Brings a picture into the layout of the training pictures.
    Center {
        /// The layout.
        layout: Layout,
    },
    /// Scales a picture to the model's size, ignoring its aspect ratio.
    Resize,
    /// Replaces every pixel v by 255 − v.
    Invert,
    /// Deskews handwriting: row y is shifted by α (y − ȳ), where α = Cov(y, x) / Var(y) of the ink.
    Deskew,
    /// Normalises the size of handwriting: scales it vertically and horizontally by (standard / σ)^¾, where σ are the
    /// standard deviations of the ink, and centres it.
    SizeNormalize,
    /// A Gaussian blur.
    Blur {
        /// Its standard deviation, in pixels.
        sigma: f32,
    },
    /// Divides every number by a constant.
    Scale {
        /// The constant: 255 for pixels.
        divisor: f32,
    },
    /// Standardises every feature to mean 0 and standard deviation 1.
    Standardize(Standardize),
}

impl Step {
    /// Whether the step is part of converting a picture to an example. The examples of a data set do not need it.
    fn is_for_pictures(&self) -> bool {
        matches!(self, Step::Grayscale | Step::Color | Step::Center { .. } | Step::Resize)
    }

    /// Whether the step changes the pixels of every example.
    fn is_for_pixels(&self) -> bool {
        matches!(self, Step::Invert | Step::Deskew | Step::SizeNormalize | Step::Blur { .. })
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Grayscale => f.write_str("grayscale"),
            Step::Color => f.write_str("color"),
            Step::Center { layout } => write!(f, "center ({layout})"),
            Step::Resize => f.write_str("resize"),
            Step::Invert => f.write_str("invert"),
            Step::Deskew => f.write_str("deskew"),
            Step::SizeNormalize => f.write_str("size-normalize"),
            Step::Blur { sigma } => write!(f, "blur {sigma}"),
            Step::Scale { divisor } => write!(f, "scale by 1/{divisor}"),
            Step::Standardize(fitted) => match fitted.constant() {
                0 => f.write_str("standardize"),
                1 => f.write_str("standardize (1 constant column left out)"),
                n => write!(f, "standardize ({n} constant columns left out)"),
            },
        }
    }
}

/// An ordered list of steps, fitted on training examples: see the [module](self).
///
/// ```
/// use tercet::data::Examples;
/// use tercet::preprocess::{Learner, Preprocessing, Spec};
///
/// let train = Examples::from_features(2, vec![1.0, 300.0, 3.0, 100.0])?;
/// let preprocessing = Preprocessing::fit(&Spec::default(), Learner::Weights, &train)?;
/// assert_eq!(preprocessing.to_string(), "standardize");
///
/// let inputs = preprocessing.apply(&train)?;
/// assert_eq!(inputs.row(0), tercet::data::Row::F32(&[-1.0, 1.0]));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    input: Input,
    learner: Learner,
    steps: Vec<Step>,
}

impl Preprocessing {
    /// Fits the steps of a specification on training examples.
    ///
    /// # Errors
    /// No examples, and a step that cannot be applied to them, such as `deskew` without pictures.
    pub fn fit(spec: &Spec, learner: Learner, train: &Examples) -> Result<Self> {
        Self::fit_weighted(spec, learner, train, None)
    }

    /// [`fit`](Preprocessing::fit) with a weight for each example in the statistics of the features: an example of
    /// weight 2 counts twice.
    ///
    /// # Shapes
    /// `weights` is (N).
    ///
    /// # Errors
    /// Those of [`fit`](Preprocessing::fit), and a wrong number of weights.
    pub fn fit_weighted(
        spec: &Spec,
        learner: Learner,
        train: &Examples,
        weights: Option<&[f32]>,
    ) -> Result<Self> {
        if let Some(weights) = weights.filter(|weights| weights.len() != train.len()) {
            let expected = format!("{}, one for each example", train.len());
            return Err(Error::mismatch("weights of the examples", weights.len(), expected));
        }
        let mut fitted = Preprocessing { input: Input::of(train), learner, steps: Vec::new() };
        let layout = Layout::estimate(train);
        for step in spec.resolve(learner, train, layout.as_ref()) {
            let step = match step {
                StepSpec::Grayscale => Step::Grayscale,
                StepSpec::Color => Step::Color,
                StepSpec::Center => match layout {
                    Some(layout) => Step::Center { layout },
                    None => Step::Resize,
                },
                StepSpec::Resize => Step::Resize,
                StepSpec::Invert => Step::Invert,
                StepSpec::Deskew => Step::Deskew,
                StepSpec::SizeNormalize => Step::SizeNormalize,
                StepSpec::Blur(sigma) => Step::Blur { sigma },
                StepSpec::Scale(divisor) => Step::Scale { divisor },
                StepSpec::Standardize => {
                    let inputs = fitted.before_standardizing(train)?;
                    Step::Standardize(Standardize::fit_weighted(&inputs, weights))
                }
            };
            fitted.steps.push(step);
            fitted.check()?;
        }
        Ok(fitted)
    }

    /// The steps of a specification that can be used without training examples: nothing is standardised, pictures are
    /// resized instead of centred, and `auto` does not invert. For training on a stream of examples, whose first ones
    /// are not a representative sample.
    ///
    /// # Errors
    /// Those of [`check`](Preprocessing::check).
    pub fn unfitted(spec: &Spec, learner: Learner, input: Input) -> Result<Self> {
        let none = match input.image.filter(|_| input.pixels) {
            Some(shape) => Examples::from_pixels(shape, Vec::new())?,
            None => Examples::from_features(input.features, Vec::new())?,
        };
        let fitted = Self::fit_weighted(&spec.clone().without("standardize"), learner, &none, None)?;
        Self::from_steps(input, learner, fitted.steps)
    }

    /// A given list of steps, for a model that was trained elsewhere.
    ///
    /// # Errors
    /// Those of [`check`](Preprocessing::check).
    pub fn from_steps(input: Input, learner: Learner, steps: Vec<Step>) -> Result<Self> {
        let preprocessing = Preprocessing { input, learner, steps };
        preprocessing.check()?;
        Ok(preprocessing)
    }

    /// The shape and type of an example before any step.
    pub fn input(&self) -> Input {
        self.input
    }

    /// The kind of model.
    pub fn learner(&self) -> Learner {
        self.learner
    }

    /// The steps, in the order in which they are applied.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The means and standard deviations of the features, if they are standardised.
    pub fn standardize(&self) -> Option<&Standardize> {
        self.steps.iter().find_map(|step| match step {
            Step::Standardize(fitted) => Some(fitted),
            _ => None,
        })
    }

    /// Checks that the input and the steps are consistent.
    ///
    /// # Errors
    /// An invalid input, a step for pictures without pictures, a pixel step on colour, and numbers that are not finite
    /// or have the wrong size.
    pub fn check(&self) -> Result<()> {
        self.input.check()?;
        for step in &self.steps {
            self.check_step(step)?;
        }
        Ok(())
    }

    fn check_step(&self, step: &Step) -> Result<()> {
        let refuse = |expected: &str| Err(Error::setting("preprocessing", step, expected));
        let shape = self.input.image.filter(|_| self.input.pixels);
        match (step, shape) {
            (_, None) if step.is_for_pixels() || step.is_for_pictures() => {
                refuse("no step for pictures: the examples are features")
            }
            (Step::Grayscale | Step::Center { .. }, Some(shape)) if shape.channels != 1 => {
                refuse("no such step for a model of colour pictures")
            }
            (Step::Color, Some(shape)) if shape.channels != 3 => {
                refuse("no such step for a model of grey pictures")
            }
            (_, Some(shape)) if step.is_for_pixels() && shape.channels != 1 => {
                refuse("no such step for pictures in colour")
            }
            (Step::Center { layout }, Some(shape)) => {
                let inside = (1..=shape.width).contains(&layout.width)
                    && (1..=shape.height).contains(&layout.height)
                    && layout.position.iter().all(|position| position.is_finite())
                    && layout.offset.is_finite();
                if inside { Ok(()) } else { refuse("a layout that fits into the model's images") }
            }
            (Step::Blur { sigma }, _) if !(*sigma > 0.0 && *sigma <= MAX_BLUR) => {
                refuse(&format!("a blur above 0 and at most {MAX_BLUR} pixels"))
            }
            (Step::Scale { divisor }, _) if !(divisor.is_finite() && *divisor > 0.0) => {
                refuse("a finite divisor above 0")
            }
            (Step::Standardize(fitted), _) if !fitted.fits(self.input.features) => {
                refuse(&format!("means and standard deviations of {} features", self.input.features))
            }
            _ => Ok(()),
        }
    }

    /// The examples in the form that the classifier reads.
    ///
    /// If the last step divides pixels by 255, they stay bytes for a model that learns weights, which divides them
    /// itself when it reads them. Examples of another number type are read as the same numbers.
    ///
    /// # Errors
    /// Examples of another width or image shape, features that are not integers from 0 to 255 for steps on pixels, and
    /// non-finite numbers after a step.
    pub fn apply(&self, examples: &Examples) -> Result<Examples> {
        let examples = self.as_input(examples)?;
        let numeric = self.steps.iter().filter(|step| !step.is_for_pictures() && !step.is_for_pixels());
        let examples = pixels::apply(&self.steps, &examples)?;
        match (numeric.collect::<Vec<_>>().as_slice(), self.learner) {
            ([], Learner::Neighbors) => Ok(examples),
            // Such a model reads bytes as value / 255, so other numbers must not be bytes.
            ([Step::Scale { divisor: 255.0 }], Learner::Weights) if examples.is_pixels() => Ok(examples),
            ([], Learner::Weights) => to_f32(&examples, 1.0),
            ([Step::Scale { divisor }], _) => to_f32(&examples, *divisor),
            ([.., Step::Standardize(fitted)], _) => {
                let examples = self.before_standardizing(&examples)?;
                from_values(&examples, fitted.apply(&examples))
            }
            (steps, _) => unreachable!("numeric steps in order: {steps:?}"),
        }
    }

    /// [`apply`](Preprocessing::apply) to the examples of a labelled data set.
    ///
    /// # Errors
    /// Those of [`apply`](Preprocessing::apply).
    pub fn apply_to(&self, data: &Dataset) -> Result<Dataset> {
        data.with_examples(self.apply(data)?)
    }

    /// The examples after all steps before standardisation.
    fn before_standardizing(&self, examples: &Examples) -> Result<Examples> {
        let examples = pixels::apply(&self.steps, &self.as_input(examples)?)?;
        let divisor = self.steps.iter().find_map(|step| match step {
            Step::Scale { divisor } => Some(*divisor),
            _ => None,
        });
        match divisor {
            Some(divisor) => to_f32(&examples, divisor),
            None => Ok(examples),
        }
    }

    /// Checks that the model can read these examples, whatever their number type.
    ///
    /// # Errors
    /// Another width or image shape.
    pub fn check_input(&self, examples: &Examples) -> Result<()> {
        let Input { features, image, .. } = self.input;
        if examples.width() != features {
            let expected = format!("{features}: the model reads {}", self.input);
            return Err(Error::mismatch("features of an example", examples.width(), expected));
        }
        match (examples.feature_shape(), image) {
            (Some(found), Some(expected)) if found != expected => {
                Err(Error::mismatch("shape of the images", found, expected))
            }
            _ => Ok(()),
        }
    }

    /// The same examples in the number type of the input: for a model of pixels, as pixels if every number is one.
    ///
    /// # Errors
    /// Those of [`check_input`](Preprocessing::check_input), and numbers that are not pixels if pixels are required.
    fn as_input(&self, examples: &Examples) -> Result<Examples> {
        self.check_input(examples)?;
        let Input { image, pixels, .. } = self.input;
        match (pixels, examples.is_pixels(), image) {
            (true, false, Some(shape)) => {
                let needs_pixels =
                    self.learner == Learner::Neighbors || self.steps.iter().any(Step::is_for_pixels);
                match pixels::from_numbers(examples, shape)? {
                    Some(pixels) => Ok(pixels),
                    None if needs_pixels => Err(Error::mismatch(
                        "features of an example",
                        "numbers that are not pixels",
                        format!("whole numbers from 0 to 255: the model reads {}", self.input),
                    )),
                    None => Ok(examples.clone()),
                }
            }
            (false, true, _) => to_f32(examples, 1.0),
            _ => Ok(examples.clone()),
        }
    }

    /// The steps in readable form, as pairs of name and value.
    pub fn describe(&self) -> Vec<(String, String)> {
        let input = std::iter::once(("input".to_owned(), self.input.to_string()));
        let steps = self.steps.iter().map(|step| ("preprocessing".to_owned(), step.to_string()));
        input.chain(steps).collect()
    }
}

/// The steps on one line, `grayscale, center (…), scale by 1/255`, or `none`.
impl std::fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        f.pad(if steps.is_empty() { "none".to_owned() } else { steps.join(", ") }.as_str())
    }
}

/// The numbers divided by a constant, as f32. Examples that have this form already are not copied.
fn to_f32(examples: &Examples, divisor: f32) -> Result<Examples> {
    if divisor == 1.0 && examples.dtype() == "float32" {
        return Ok(examples.clone());
    }
    let width = examples.width();
    let (mut values, mut row) = (Vec::with_capacity(examples.len() * width), vec![0f64; width]);
    for example in examples.iter() {
        example.write_f64(&mut row);
        values.extend(row.iter().map(|x| (x / f64::from(divisor)) as f32));
    }
    from_values(examples, values)
}

/// Examples with these values and the image shape of `like`.
fn from_values(like: &Examples, values: Vec<f32>) -> Result<Examples> {
    let examples = Examples::from_features(like.width(), values)?;
    match like.feature_shape() {
        Some(shape) => examples.with_image_shape(shape),
        None => Ok(examples),
    }
}

#[cfg(test)]
mod tests;
