//! Recipes as TOML files, with the feature `toml`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{DualRecipe, GradientDescentRecipe, NeighborsRecipe, Recipe, Solver};
use crate::{Error, Result};

impl Recipe {
    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`parse`](Recipe::parse).
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, path)
    }

    /// Parses the text of the file at `path`, which is named in errors.
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::{DualRecipe, GradientDescentRecipe, Recipe};
    ///
    /// let path = Path::new("recipe.toml");
    /// let dual = Recipe::parse(&DualRecipe::default().to_toml(), path)?;
    /// assert_eq!(dual, Recipe::Dual(DualRecipe::default()));
    /// let lecture = Recipe::parse(&Recipe::lecture().to_toml(), path)?;
    /// assert_eq!(lecture, Recipe::GradientDescent(GradientDescentRecipe::lecture()));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Format`] for text that is not TOML, an unknown or missing setting, or an invalid value.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        // If a file does not even name its solver, parsing the whole file gives the better message.
        match toml::from_str(text) {
            Ok(Which { kind: Some(kind), .. }) if kind == "neighbors" || kind == "knn" => {
                NeighborsRecipe::parse(text, path).map(Recipe::Neighbors)
            }
            Ok(Which { solver: Solver::Dual, .. }) => DualRecipe::parse(text, path).map(Recipe::Dual),
            _ => GradientDescentRecipe::parse(text, path).map(Recipe::GradientDescent),
        }
    }

    /// The recipe as TOML, which [`parse`](Recipe::parse) reads back.
    pub fn to_toml(&self) -> String {
        match self {
            Recipe::Neighbors(recipe) => recipe.to_toml(),
            Recipe::GradientDescent(recipe) => recipe.to_toml(),
            Recipe::Dual(recipe) => recipe.to_toml(),
        }
    }
}

impl GradientDescentRecipe {
    /// Reads a recipe from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and those of [`parse`](GradientDescentRecipe::parse).
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, path)
    }

    /// Parses the text of the file at `path`, which is named in errors.
    ///
    /// # Errors
    /// [`Error::Format`] for text that is not TOML, an unknown or missing setting, or an invalid value.
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::GradientDescentRecipe;
    ///
    /// let text = GradientDescentRecipe::lecture().to_toml();
    /// assert_eq!(GradientDescentRecipe::parse(&text, Path::new("lecture.toml"))?, GradientDescentRecipe::lecture());
    ///
    /// let error = GradientDescentRecipe::parse("kind = \"net\"", Path::new("my.toml")).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "my.toml: found line 1: unknown variant `net`; expected one of `knn`, `neighbors`, `linear`, `cnn`, \
    ///      `network`. Compare it with recipes/lecture.toml."
    /// );
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let complete = |recipe: &mut Self| {
            let is_cnn = matches!(toml::from_str(text), Ok(Which { kind: Some(kind), .. }) if kind == "cnn");
            if is_cnn && recipe.hidden.is_empty() && recipe.layers.is_none() {
                recipe.layers = Self::cnn().layers;
            }
            recipe.validate()
        };
        parse(text, path, complete, "Compare it with recipes/lecture.toml.")
    }

    /// The recipe as TOML, which [`parse`](GradientDescentRecipe::parse) reads back.
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }
}

impl NeighborsRecipe {
    /// Parses the text of the file at `path`, which is named in errors.
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::NeighborsRecipe;
    ///
    /// let text = "description = \"plain\"\nkind = \"neighbors\"\nk = 3";
    /// let recipe = NeighborsRecipe::parse(text, Path::new("plain.toml"))?;
    /// assert_eq!(recipe.metric.to_string(), "l2");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Recipe::parse`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        parse(
            text,
            path,
            |recipe: &mut Self| recipe.validate(),
            "Compare it with recipes/knn-deformable.toml.",
        )
    }

    /// The recipe as TOML, which [`parse`](NeighborsRecipe::parse) reads back.
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }
}

impl DualRecipe {
    /// Parses the text of the file at `path`, which is named in errors.
    ///
    /// ```
    /// use std::path::Path;
    /// use tercet::recipe::DualRecipe;
    ///
    /// let text = DualRecipe::default().to_toml();
    /// assert_eq!(DualRecipe::parse(&text, Path::new("exact.toml"))?, DualRecipe::default());
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Recipe::parse`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        parse(text, path, |recipe: &mut Self| recipe.validate(), "Compare it with recipes/exact.toml.")
    }

    /// The recipe as TOML, which [`parse`](DualRecipe::parse) reads back.
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }
}

/// Parses a recipe of one kind. `remedy` is the last sentence of an error.
fn parse<R: DeserializeOwned>(
    text: &str,
    path: &Path,
    validate: impl FnOnce(&mut R) -> Result<()>,
    remedy: &str,
) -> Result<R> {
    let mut recipe: R = toml::from_str(text).map_err(|error| unreadable(&error, text, path, remedy))?;
    match validate(&mut recipe) {
        Ok(()) => Ok(recipe),
        Err(Error::Setting { setting, found, expected }) => {
            Err(Error::format(path, format!("{setting} {found}"), expected, remedy))
        }
        Err(other) => Err(other),
    }
}

fn to_toml(recipe: &impl Serialize) -> String {
    toml::to_string(recipe).expect("numbers, words and tables of them can be written as TOML")
}

/// The part of a file that determines the type of its recipe.
#[derive(Deserialize)]
struct Which {
    kind: Option<String>,
    #[serde(default)]
    solver: Solver,
}

/// The maximum size of a recipe: 1 MiB.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a recipe file.
fn text_of(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let refuse = |found: String| {
        Error::format(
            path,
            found,
            "a training recipe, which is text in TOML",
            "Compare it with recipes/lecture.toml.",
        )
    };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refuse(format!("more than {} KiB", MOST_BYTES >> 10)));
    }
    String::from_utf8(bytes)
        .map_err(|error| refuse(format!("a file that is not text ({})", error.utf8_error())))
}

/// Converts an error of the parser, which says "found, expected something" at a position, to the format of this crate's
/// errors.
fn unreadable(error: &toml::de::Error, text: &str, path: &Path, remedy: &str) -> Error {
    let message = error.message().trim().replace('\n', " ");
    let (found, expected) = message
        .split_once(", expected ")
        .or_else(|| message.split_once("; expected "))
        .or_else(|| message.split_once(", available keys: "))
        .unwrap_or((&message, "a training recipe"));
    let expected = match expected {
        "usize" | "u64" => "an integer, 0 or more",
        "f32" => "a number",
        others => others,
    };
    let line = error.span().map(|span| 1 + text.bytes().take(span.start).filter(|&b| b == b'\n').count());
    let found = match line {
        Some(line) => format!("line {line}: {found}"),
        None => found.to_owned(),
    };
    Error::format(path, found, expected, remedy)
}
