//! Which module of a state dict belongs to which layer.
//!
//! A safetensors file lists tensors by name, not in the order of the modules. Numbers in names give it back
//! (`features.0`, `features.3`; `fc1`, `fc2`); between names without numbers (`encoder`, `head`), the dimensions of the
//! weights decide, if only one assignment fits the layers.

use std::cmp::Ordering;

use super::{Module, NORM};
use crate::network::{Shape, Spec};
use crate::{Error, Result};

/// A search that takes longer counts as ambiguous.
const MOST_STEPS: usize = 100_000;

/// The order of two modules, if their names have one: they differ first in a number, such as `block1.conv` and
/// `block2.conv`.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let differing = a.split('.').zip(b.split('.')).find(|(a, b)| a != b);
    let Some((a, b)) = differing else { return Some(a.len().cmp(&b.len())) };
    let ((stem, number), (other, another)) = (numbered(a)?, numbered(b)?);
    (stem == other).then(|| number.cmp(&another))
}

/// A word and the number at its end.
fn numbered(word: &str) -> Option<(&str, u64)> {
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    word[stem.len()..].parse().ok().map(|number| (stem, number))
}

/// Sorts the modules by their names, if these have a complete order; otherwise by the layers whose weights have their
/// dimensions. `layers` are those with weights, each with the shape of its input.
///
/// # Errors
/// No assignment of modules to layers, or several.
pub(super) fn sort(modules: &mut Vec<Module<'_>>, layers: &[(Spec, Shape)]) -> Result<()> {
    let pairs = || modules.iter().enumerate().flat_map(|(i, a)| modules[..i].iter().map(move |b| (a, b)));
    if pairs().all(|(a, b)| compare(&a.name, &b.name).is_some()) {
        modules.sort_by(|a, b| compare(&a.name, &b.name).unwrap_or(Ordering::Equal));
        return Ok(());
    }
    // A complete sort by name only makes the error below, and which of several assignments is found, reproducible.
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    let mut search = Search { modules, layers, chosen: Vec::new(), found: Vec::new(), steps: 0 };
    if search.dimensions_fit() {
        search.run();
    }
    let (is_complete, mut found) = (search.steps <= MOST_STEPS, search.found);
    if found.len() == 1 && is_complete {
        let order = found.remove(0);
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &module)| places[module] = place);
        let mut sorted: Vec<(usize, Module<'_>)> = places.into_iter().zip(modules.drain(..)).collect();
        sorted.sort_by_key(|(place, _)| *place);
        modules.extend(sorted.into_iter().map(|(_, module)| module));
        return Ok(());
    }
    let listed: Vec<String> =
        modules.iter().map(|module| format!("{} {}", module.name, of(module))).collect();
    let wanted: Vec<String> =
        layers.iter().map(|&(spec, input)| format!("{spec} {}", dimensions(spec, input))).collect();
    let reason = match found.len() {
        0 if is_complete => "none of their orders fits",
        0 | 1 => "their order is unknown",
        _ => "more than one order fits",
    };
    Err(Error::mismatch(
        "modules of the state dict",
        listed.join(", "),
        format!(
            "{}; {reason}: give the names in the order of the layers (--modules NAME,…), or rename them to 0, 1, …",
            wanted.join(", ")
        ),
    ))
}

/// The dimensions of the weights that a layer needs, as text: for a batch norm those of its running mean.
fn dimensions(spec: Spec, input: Shape) -> String {
    match spec {
        Spec::Dense { outputs } => format!("{:?}", [outputs, input.values()]),
        Spec::Conv2d { kernel_height, kernel_width, filters, .. } => {
            format!("{:?}", [filters, input.channels(), kernel_height, kernel_width])
        }
        _ => format!("normalisation {:?}", [input.channels()]),
    }
}

/// The same of a module.
fn of(module: &Module<'_>) -> String {
    match (module.tensors.get(NORM[2]), module.tensors.get(NORM[0])) {
        (Some(mean), _) => format!("normalisation {:?}", mean.shape),
        (None, Some(weight)) => format!("{:?}", weight.shape),
        (None, None) => "without weights".to_owned(),
    }
}

/// A search for assignments of modules to layers, until there are two.
struct Search<'s, 'm> {
    modules: &'s [Module<'m>],
    layers: &'s [(Spec, Shape)],
    /// The modules of the first layers.
    chosen: Vec<usize>,
    found: Vec<Vec<usize>>,
    steps: usize,
}

impl Search<'_, '_> {
    /// Whether the modules have the dimensions of the layers, in any order.
    fn dimensions_fit(&self) -> bool {
        let mut found: Vec<String> = self.modules.iter().map(of).collect();
        let mut wanted: Vec<String> =
            self.layers.iter().map(|&(spec, input)| dimensions(spec, input)).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        found == wanted
    }

    fn run(&mut self) {
        self.steps += 1;
        if self.found.len() > 1 || self.steps > MOST_STEPS {
            return;
        }
        let Some(&(spec, input)) = self.layers.get(self.chosen.len()) else {
            return self.found.push(self.chosen.clone());
        };
        let wanted = dimensions(spec, input);
        for module in 0..self.modules.len() {
            if of(&self.modules[module]) == wanted && self.is_next(module) {
                self.chosen.push(module);
                self.run();
                self.chosen.pop();
            }
        }
    }

    /// Whether the module is unused, and all modules before it are used.
    fn is_next(&self, module: usize) -> bool {
        let name = &self.modules[module].name;
        let before =
            |other: &usize| compare(&self.modules[*other].name, name).is_some_and(|order| order.is_le());
        (0..self.modules.len()).filter(before).all(|other| self.chosen.contains(&other) != (other == module))
    }
}
