//! The built-in recipes, by name.

use std::path::Path;

use super::Recipe;

/// Those stored as files in the folder `recipes` of this crate.
const FILES: &[(&str, &str)] = &[
    ("convolutional", include_str!("../../recipes/convolutional.toml")),
    ("deep", include_str!("../../recipes/deep.toml")),
    ("fashion", include_str!("../../recipes/fashion.toml")),
    ("fewest", include_str!("../../recipes/fewest.toml")),
    ("knn-deformable", include_str!("../../recipes/knn-deformable.toml")),
    ("knn-shifted", include_str!("../../recipes/knn-shifted.toml")),
    ("linear-patches", include_str!("../../recipes/linear-patches.toml")),
    ("linear-pixels", include_str!("../../recipes/linear-pixels.toml")),
    ("ninety-nine", include_str!("../../recipes/ninety-nine.toml")),
    ("two-layer", include_str!("../../recipes/two-layer.toml")),
    ("two-layer-elastic", include_str!("../../recipes/two-layer-elastic.toml")),
];

impl Recipe {
    /// The names of all built-in recipes, in order.
    pub fn names() -> Vec<&'static str> {
        let mut names = vec!["exact", "lecture", "linear", "network"];
        names.extend(FILES.iter().map(|(name, _)| *name));
        names.sort_unstable();
        names
    }

    /// The built-in recipe with this name.
    ///
    /// ```
    /// use tercet::recipe::Recipe;
    ///
    /// assert_eq!(Recipe::named("lecture"), Some(Recipe::lecture()));
    /// assert_eq!(Recipe::named("something else"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "exact" => Some(Recipe::dual()),
            "lecture" => Some(Recipe::lecture()),
            "linear" => Some(Recipe::linear()),
            "network" => Some(Recipe::network()),
            name => {
                let (name, text) = FILES.iter().find(|(other, _)| *other == name)?;
                Some(Recipe::parse(text, Path::new(name)).expect("a test reads every file"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    #[test]
    fn all_of_them_work_with_digits() {
        for name in Recipe::names() {
            match Recipe::named(name).unwrap() {
                Recipe::GradientDescent(recipe) => {
                    let network = recipe.untrained(ImageShape::gray(28, 28), 10).unwrap();
                    assert_eq!((network.inputs(), network.classes()), (784, 10), "{name}");
                }
                Recipe::Dual(recipe) => recipe.validate().unwrap(),
                Recipe::Neighbors(recipe) => recipe.validate().unwrap(),
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_has_its_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert_eq!(Some(Recipe::read(&path).unwrap()), Recipe::named(&name), "{name}");
            files += 1;
        }
        assert!(files >= FILES.len());
    }
}
