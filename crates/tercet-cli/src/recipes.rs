//! Recipes by their name, or from a file.

use std::path::Path;

use anyhow::anyhow;
use tercet::recipe::Recipe;

/// The recipe of a name that is built in, or else of a file. Where there is none, the name may have been meant for a
/// recipe that is built in.
pub fn open(name: &str) -> anyhow::Result<Recipe> {
    let path = Path::new(name);
    let read = || match Recipe::read(path) {
        Err(error) if !path.exists() => Err(anyhow!(
            "{error}; name a TOML file, or one of the built-in recipes: {}",
            Recipe::names().join(", ")
        )),
        read => Ok(read?),
    };
    Recipe::named(name).map_or_else(read, Ok)
}
