//! [`Spec`]: the specification of the preprocessing steps, before they are fitted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Layout, Learner, Paper};
use crate::data::Examples;
use crate::image::MAX_BLUR;
use crate::{Error, Result};

/// A step as it is specified.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StepSpec {
    /// `grayscale`: converts colour pictures to grey.
    Grayscale,
    /// `color`: converts grey pictures to colour.
    Color,
    /// `center`: brings a picture into the layout of the training pictures.
    Center,
    /// `resize`: scales a picture to the model's size, ignoring its aspect ratio.
    Resize,
    /// `invert`: replaces every pixel v by 255 − v.
    Invert,
    /// `deskew`: removes the slant of handwriting.
    Deskew,
    /// `size-normalize`: normalises the size of handwriting.
    SizeNormalize,
    /// `blur S`: a Gaussian blur with a standard deviation of S pixels.
    Blur(f32),
    /// `scale D`: divides every number by D; `scale` alone divides by 255.
    Scale(f32),
    /// `standardize`: standardises every feature to mean 0 and standard deviation 1.
    Standardize,
}

impl StepSpec {
    /// All names, for errors.
    const NAMES: &str =
        "grayscale, color, center, resize, invert, deskew, size-normalize, blur S, scale D, standardize";

    /// The word that names the step.
    fn name(self) -> &'static str {
        match self {
            StepSpec::Grayscale => "grayscale",
            StepSpec::Color => "color",
            StepSpec::Center => "center",
            StepSpec::Resize => "resize",
            StepSpec::Invert => "invert",
            StepSpec::Deskew => "deskew",
            StepSpec::SizeNormalize => "size-normalize",
            StepSpec::Blur(_) => "blur",
            StepSpec::Scale(_) => "scale",
            StepSpec::Standardize => "standardize",
        }
    }

    /// The position in the order of steps: first those that convert a picture to an example, then those on pixels, then
    /// those on numbers. Steps that exclude one another have the same position.
    fn place(self) -> usize {
        match self {
            StepSpec::Grayscale | StepSpec::Color => 0,
            StepSpec::Center | StepSpec::Resize => 1,
            StepSpec::Invert => 2,
            StepSpec::Deskew => 3,
            StepSpec::SizeNormalize => 4,
            StepSpec::Blur(_) => 5,
            StepSpec::Scale(_) => 6,
            StepSpec::Standardize => 7,
        }
    }
}

/// One item of a specification.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    /// The defaults for the data and the model.
    Auto,
    /// A step, which replaces a default step that it excludes.
    Step(StepSpec),
    /// Removes a default step.
    Without(String),
}

/// A specification of preprocessing steps: the defaults, and changes to them.
///
/// Items are separated by commas. `auto` stands for the defaults, `-NAME` removes one of them, and a step's name adds
/// that step, replacing a step that it excludes. `none` means no steps. The order of the steps is fixed.
///
/// ```
/// use tercet::preprocess::Spec;
///
/// let spec: Spec = "auto, deskew, blur 0.7".parse()?;
/// assert_eq!(spec.to_string(), "auto, deskew, blur 0.7");
/// assert!("auto, -standardize".parse::<Spec>().is_ok());
/// assert_eq!("blr".parse::<Spec>().unwrap_err().to_string().split(';').next(), Some("preprocessing is blr"));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Spec {
    items: Vec<Item>,
}

impl Default for Spec {
    /// `auto`.
    fn default() -> Self {
        Spec { items: vec![Item::Auto] }
    }
}

impl Spec {
    /// No steps.
    pub fn none() -> Self {
        Spec { items: Vec::new() }
    }

    /// Whether these are the unmodified defaults.
    pub fn is_auto(&self) -> bool {
        self.items == [Item::Auto]
    }

    /// The same with one more step.
    pub fn with(mut self, step: StepSpec) -> Self {
        self.items.push(Item::Step(step));
        self
    }

    /// The same without the steps of that name.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.items.push(Item::Without(name.to_owned()));
        self
    }

    /// The steps in order, for a kind of model and these training examples, whose pictures have this layout.
    pub(super) fn resolve(
        &self,
        learner: Learner,
        train: &Examples,
        layout: Option<&Layout>,
    ) -> Vec<StepSpec> {
        let mut steps: Vec<StepSpec> = Vec::new();
        for item in &self.items {
            match item {
                Item::Auto => steps.extend(defaults(learner, train, layout)),
                Item::Without(name) => steps.retain(|step| step.name() != name),
                Item::Step(step) => {
                    steps.retain(|other| other.place() != step.place());
                    steps.push(*step);
                }
            }
        }
        steps.sort_by_key(|step| step.place());
        steps
    }
}

/// The default steps. Weights train best on inputs that are mostly near 0, so dark ink on light paper is inverted for
/// them.
fn defaults(learner: Learner, train: &Examples, layout: Option<&Layout>) -> Vec<StepSpec> {
    let mut steps = Vec::new();
    if train.is_pixels() {
        match train.image_shape().map_or(1, |shape| shape.channels) {
            1 => steps.extend([StepSpec::Grayscale, StepSpec::Center]),
            3 => steps.extend([StepSpec::Color, StepSpec::Resize]),
            _ => {}
        }
    }
    if learner == Learner::Weights && layout.is_some_and(|layout| layout.paper == Paper::Light) {
        steps.push(StepSpec::Invert);
    }
    match (learner, train.is_pixels()) {
        (Learner::Neighbors, _) => {}
        (Learner::Weights, true) => steps.push(StepSpec::Scale(brightest(train))),
        (Learner::Weights, false) => steps.push(StepSpec::Standardize),
    }
    steps
}

/// The divisor of pixels: 255, or the largest pixel where all are much darker, as in images with values up to 16.
fn brightest(train: &Examples) -> f32 {
    const DARK: u8 = 63;
    let pixels = (0..train.len()).filter_map(|i| train.pixels(i));
    match pixels.flatten().max() {
        Some(&most @ 1..=DARK) => f32::from(most),
        _ => 255.0,
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let items: Vec<Item> = words.map(item).collect::<Result<_>>()?;
        match items.is_empty() && text.trim() != "" {
            true => Err(refuse(text)),
            false if text.trim().is_empty() => Err(refuse("empty")),
            false => Ok(Spec { items: items.into_iter().filter(|item| *item != none()).collect() }),
        }
    }
}

/// The item that `none` is parsed into, which adds nothing.
fn none() -> Item {
    Item::Without("none".to_owned())
}

fn refuse(found: impl fmt::Display) -> Error {
    let expected = format!(
        "`auto`, `none`, steps ({}), or -NAME to leave one out, separated by commas",
        StepSpec::NAMES
    );
    Error::setting("preprocessing", found, expected)
}

/// How errors refer to the number of a step.
const NUMBER: &str = "the number of a step";

fn item(word: &str) -> Result<Item> {
    let (name, value) = match word.split_once(char::is_whitespace) {
        Some((name, value)) => (name, Some(value.trim())),
        None => (word, None),
    };
    let number = |default: Option<f32>| match value {
        None => {
            default.ok_or_else(|| Error::setting(NUMBER, format!("{name} alone"), "a number, as in blur 0.7"))
        }
        Some(value) => {
            let number: Option<f32> = value.parse().ok().filter(|number: &f32| number.is_finite());
            number
                .filter(|&number| number > 0.0)
                .ok_or_else(|| Error::setting(NUMBER, word, "a finite number above 0, as in blur 0.7"))
        }
    };
    let step = match name {
        "auto" if value.is_none() => return Ok(Item::Auto),
        "none" if value.is_none() => return Ok(none()),
        "grayscale" => StepSpec::Grayscale,
        "color" => StepSpec::Color,
        "center" => StepSpec::Center,
        "resize" => StepSpec::Resize,
        "invert" => StepSpec::Invert,
        "deskew" => StepSpec::Deskew,
        "size-normalize" => StepSpec::SizeNormalize,
        "blur" => {
            let sigma = number(None)?;
            if sigma > MAX_BLUR {
                return Err(Error::setting("blur", sigma, format!("above 0 and at most {MAX_BLUR} pixels")));
            }
            StepSpec::Blur(sigma)
        }
        "scale" => StepSpec::Scale(number(Some(255.0))?),
        "standardize" => StepSpec::Standardize,
        _ => match name.strip_prefix('-') {
            Some(left_out) if value.is_none() && item(left_out).is_ok_and(|i| matches!(i, Item::Step(_))) => {
                return Ok(Item::Without(left_out.to_owned()));
            }
            Some("blur") if value.is_none() => return Ok(Item::Without("blur".to_owned())),
            _ => return Err(refuse(word)),
        },
    };
    match (step, value) {
        (StepSpec::Blur(_) | StepSpec::Scale(_), _) | (_, None) => Ok(Item::Step(step)),
        (_, Some(value)) => Err(Error::setting(step.name(), value, "no number for this step")),
    }
}

impl fmt::Display for StepSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepSpec::Blur(sigma) => write!(f, "blur {sigma}"),
            StepSpec::Scale(divisor) => write!(f, "scale {divisor}"),
            other => f.write_str(other.name()),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.items.iter().map(|item| match item {
            Item::Auto => "auto".to_owned(),
            Item::Step(step) => step.to_string(),
            Item::Without(name) => format!("-{name}"),
        });
        let words = words.collect::<Vec<_>>().join(", ");
        f.pad(if words.is_empty() { "none" } else { &words })
    }
}

impl TryFrom<String> for Spec {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Spec> for String {
    fn from(spec: Spec) -> Self {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn resolved(spec: &str, learner: Learner, train: &Examples) -> String {
        let layout = Layout::estimate(train);
        let steps = spec.parse::<Spec>().unwrap().resolve(learner, train, layout.as_ref());
        steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn defaults_follow_the_data_and_the_learner() {
        let gray = Examples::from_pixels(ImageShape::gray(2, 1), vec![0; 4]).unwrap();
        let color = ImageShape { width: 1, height: 1, channels: 3 };
        let color = Examples::from_pixels(color, vec![0; 6]).unwrap();
        let features = Examples::from_features(2, vec![0.0; 4]).unwrap();
        for (train, learner, steps) in [
            (&gray, Learner::Weights, "grayscale, center, scale 255"),
            (&gray, Learner::Neighbors, "grayscale, center"),
            (&color, Learner::Weights, "color, resize, scale 255"),
            (&features, Learner::Weights, "standardize"),
            (&features, Learner::Neighbors, ""),
        ] {
            assert_eq!(resolved("auto", learner, train), steps);
        }
    }

    #[test]
    fn steps_are_added_replaced_and_left_out() {
        let gray = Examples::from_pixels(ImageShape::gray(2, 1), vec![0; 4]).unwrap();
        for (spec, steps) in [
            ("auto, blur 0.7, deskew", "grayscale, center, deskew, blur 0.7, scale 255"),
            ("auto, resize", "grayscale, resize, scale 255"),
            ("auto, -center", "grayscale, scale 255"),
            ("auto, -scale, standardize", "grayscale, center, standardize"),
            ("none", ""),
            ("scale", "scale 255"),
            ("auto, scale 16", "grayscale, center, scale 16"),
            ("auto, -blur", "grayscale, center, scale 255"),
        ] {
            assert_eq!(resolved(spec, Learner::Weights, &gray), steps, "{spec}");
        }
    }

    #[test]
    fn specs_round_trip() {
        for text in ["auto", "none", "auto, -standardize, deskew", "invert, blur 1.5, scale 16"] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert!(Spec::default().is_auto() && !Spec::none().is_auto());
    }

    #[test]
    fn invalid_words_are_rejected() {
        for (text, words) in [
            ("sharpen", "preprocessing is sharpen; expected `auto`, `none`, steps (grayscale"),
            ("", "preprocessing is empty"),
            (",", "preprocessing is ,"),
            ("-auto", "preprocessing is -auto"),
            ("blur", "the number of a step is blur alone; expected a number, as in blur 0.7"),
            ("blur 17", "blur is 17; expected above 0 and at most 16 pixels"),
            ("scale 0", "the number of a step is scale 0; expected a finite number above 0"),
            ("deskew 3", "deskew is 3; expected no number"),
        ] {
            let error = text.parse::<Spec>().unwrap_err().to_string();
            assert!(error.starts_with(words), "{text}: {error}");
        }
    }
}
