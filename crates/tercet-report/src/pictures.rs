//! The examples that the page shows as pictures.

use std::collections::BTreeMap;

use maud::Markup;

use super::corrupted::corruptions;
use super::record::{ModelCard, Run};
use super::sprites::Sprites;
use tercet::data::Dataset;
use tercet::evaluate::{CORRUPTION_SEED, Mistake, corrupt};

/// The maximum number of correctly classified examples shown per class.
pub(super) const RIGHT_ONES: usize = 24;

/// The maximum number of worst mistakes shown per model.
pub(super) const WORST: usize = 24;

/// The examples of a page, and the sheet with their pictures if they are images.
pub(super) struct Pictures<'a> {
    test: &'a Dataset,
    pub sprites: Option<Sprites>,
    /// For each model and class: the first examples that the model classifies correctly.
    pub right: Vec<Vec<Vec<usize>>>,
    /// For each model: the positions of its neighbours' pictures on the sheet, nearest first.
    neighbors: Vec<Vec<Option<usize>>>,
    /// The tile of the first test example under each corruption.
    corrupted: Vec<Option<usize>>,
    /// The positions of the examples of the data check, by whether they are test examples, and their index.
    checked: BTreeMap<(bool, usize), usize>,
}

impl<'a> Pictures<'a> {
    /// Puts every example that the page may show on the sheet, the most important first, because a sheet can be full:
    /// the neighbours of each model's explained mistake and its worst mistakes, then all mistakes, then some correctly
    /// classified examples.
    pub fn collect(run: &Run, test: &'a Dataset) -> Self {
        let sprites = test.image_shape().filter(|_| test.is_pixels()).and_then(Sprites::new);
        let right = run.models.iter().map(|model| first_right(model, test)).collect();
        let (neighbors, corrupted, checked) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut pictures = Pictures { test, sprites, right, neighbors, corrupted, checked };
        pictures.add_corrupted(run);
        pictures.add_checked(run);

        for model in &run.models {
            let Some(story) = &model.neighbor_story else {
                pictures.neighbors.push(Vec::new());
                continue;
            };
            pictures.add(story.query);
            let add = |pixels: &Option<Vec<u8>>| pictures.sprites.as_mut()?.add(pixels.as_deref()?);
            let places = story.neighbors.iter().map(|neighbor| &neighbor.pixels).map(add).collect();
            pictures.neighbors.push(places);
        }
        let longest = run.models.iter().map(|model| model.evaluation.mistakes.len()).max().unwrap_or(0);
        for rank in 0..longest {
            for model in &run.models {
                if let Some(mistake) = model.evaluation.mistakes.get(rank) {
                    pictures.add(mistake.index);
                }
            }
        }
        let right: Vec<usize> = pictures.right.iter().flatten().flatten().copied().collect();
        for index in right {
            pictures.add(index);
        }
        pictures
    }

    fn add(&mut self, index: usize) {
        if let (Some(sprites), Some(pixels)) = (&mut self.sprites, self.test.pixels(index)) {
            sprites.add_test(index, pixels);
        }
    }

    fn add_corrupted(&mut self, run: &Run) {
        let (all, first) = (corruptions(run), self.test.first(1));
        if all.is_empty() || first.is_empty() {
            return;
        }
        self.add(0);
        for corruption in all {
            let made = corrupt(&first, corruption, CORRUPTION_SEED).ok();
            let pixels = made.as_ref().and_then(|made| made.pixels(0));
            self.corrupted.push(pixels.and_then(|pixels| self.sprites.as_mut()?.add(pixels)));
        }
    }

    fn add_checked(&mut self, run: &Run) {
        let Some(sprites) = &mut self.sprites else { return };
        for (&at, pixels) in run.check.iter().flat_map(|check| &check.pictures) {
            // A test example may also be shown in other sections of the page.
            let place = if at.0 { sprites.add_test(at.1, pixels) } else { sprites.add(pixels) };
            if let Some(place) = place {
                self.checked.insert(at, place);
            }
        }
    }

    /// The first test example under corruption number `row`.
    pub fn corrupted(&self, row: usize, description: &str) -> Option<Markup> {
        self.tile((*self.corrupted.get(row)?)?, description)
    }

    /// The first test example without corruption.
    pub fn uncorrupted(&self, description: &str) -> Option<Markup> {
        self.example(0, description)
    }

    /// An example of the data check.
    pub fn checked(&self, at: (bool, usize), description: &str) -> Option<Markup> {
        self.tile(*self.checked.get(&at)?, description)
    }

    /// Test example `index`; `None` without a picture.
    pub fn example(&self, index: usize, description: &str) -> Option<Markup> {
        let place = self.sprites.as_ref()?.place(index)?;
        self.tile(place, description)
    }

    /// Neighbour `rank` of the explained mistake of model `model`; `None` without a picture.
    pub fn neighbor(&self, model: usize, rank: usize, description: &str) -> Option<Markup> {
        self.tile((*self.neighbors.get(model)?.get(rank)?)?, description)
    }

    fn tile(&self, place: usize, description: &str) -> Option<Markup> {
        Some(self.sprites.as_ref()?.tile_at(place, description))
    }

    /// The description of a mistake: "test example 321: true 4, predicted 9".
    pub fn describe(&self, mistake: &Mistake) -> String {
        let name = |class: u32| &self.test.classes()[class as usize];
        format!(
            "test example {}: true {}, predicted {}",
            mistake.index,
            name(mistake.truth),
            name(mistake.predicted)
        )
    }
}

/// The first examples of each class that the model classifies correctly.
fn first_right(model: &ModelCard, test: &Dataset) -> Vec<Vec<usize>> {
    let mut wrong = vec![false; test.len()];
    for mistake in &model.evaluation.mistakes {
        wrong[mistake.index] = true;
    }
    let mut right = vec![Vec::new(); test.class_count()];
    for (index, wrong) in wrong.into_iter().enumerate() {
        let of_class = &mut right[test.label(index) as usize];
        if !wrong && of_class.len() < RIGHT_ONES {
            of_class.push(index);
        }
    }
    right
}
