//! Recipes by their name, or from a file.

use std::path::Path;

use anyhow::anyhow;
use tercet::recipe::Recipe;

/// The built-in recipe of this name, or the recipe of this file. If there is neither, the error lists the
/// built-in recipes.
pub fn open(name: &str) -> anyhow::Result<Recipe> {
    let path = Path::new(name);
    let read = || match Recipe::read(path) {
        Err(error) if !path.exists() => Err(anyhow!(
            "{error}; expected a TOML file or one of the built-in recipes: {}",
            Recipe::names().join(", ")
        )),
        read => Ok(read?),
    };
    Recipe::named(name).map_or_else(read, Ok)
}
