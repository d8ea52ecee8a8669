//! Tuning of whole recipes: any key, by its name in the recipe file.

use std::str::FromStr;

use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::axis::distinct;
use super::networks::attempt;
use super::record::{TrialSettings, Tuning, Value};
use super::{Observer, Plan, Search, Watch, check_trials};
use crate::data::Dataset;
use crate::network::Shape;
use crate::preprocess::{Learner, Preprocessing};
use crate::random::{Stream, generator};
use crate::recipe::GradientDescentRecipe;
use crate::{Error, Result};

/// A recipe, and the candidate values of some of its keys. The last key of a grid changes fastest.
///
/// ```
/// use tercet::recipe::GradientDescentRecipe;
/// use tercet::tune::RecipeSpace;
///
/// let space = RecipeSpace {
///     base: GradientDescentRecipe::network(),
///     vary: vec!["hidden=[64],[128, 64]".parse()?, "train.schedule=constant,cosine".parse()?],
/// };
/// # let _ = space;
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeSpace {
    /// Everything that is not varied. The held-out part and the seed are those of the [`Plan`].
    pub base: GradientDescentRecipe,
    /// The keys that are varied.
    pub vary: Vec<Vary>,
}

/// A key of a recipe and its values, `KEY=VALUE,…`: the key including its tables, such as `train.augment.rotate`, and
/// values in TOML syntax. Strings without a comma need no quotes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vary {
    /// The key, from the top level of the recipe.
    pub key: String,
    /// At least one value.
    pub values: Vec<toml::Value>,
}

impl FromStr for Vary {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let expected = "a key of a recipe and its values, such as train.learning_rate=0.01,0.03";
        let refuse = || Error::setting("what to vary", format!("{text:?}"), expected);
        let (key, values) = text.split_once('=').ok_or_else(refuse)?;
        let key = key.trim().to_owned();
        if key.split('.').any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            return Err(refuse());
        }
        let list = |values: &str| {
            let mut table: Table = toml::from_str(&format!("values = [{values}]")).ok()?;
            table.remove("values")?.as_array().cloned()
        };
        let words = |values: &str| -> Vec<toml::Value> {
            let one = |word: &str| match list(word).as_deref() {
                Some([value]) => value.clone(),
                _ => toml::Value::String(word.to_owned()),
            };
            values.split(',').map(|word| one(word.trim())).collect()
        };
        let values = list(values).unwrap_or_else(|| words(values));
        if values.is_empty() || values.contains(&toml::Value::String(String::new())) {
            return Err(refuse());
        }
        Ok(Vary { key, values })
    }
}

/// A recipe of the space, and the values that define it.
struct Candidate {
    set: Vec<(String, toml::Value)>,
    recipe: GradientDescentRecipe,
}

impl RecipeSpace {
    fn candidates(&self, plan: &Plan) -> Result<Vec<Candidate>> {
        for (i, Vary { key, .. }) in self.vary.iter().enumerate() {
            if ["seed", "validation", "description", "solver", "kind"].contains(&key.as_str()) {
                let expected = "a key that changes how one kind of model is trained";
                return Err(Error::setting("the key to vary", key, expected));
            }
            if self.vary[..i].iter().any(|other| other.key == *key) {
                return Err(Error::setting("the key to vary", key, "every key once"));
            }
        }
        let base: Table = toml::from_str(&self.base.to_toml()).expect("a recipe is TOML");
        let chosen: Vec<Vec<(String, toml::Value)>> = match plan.search {
            Search::Grid => {
                let product = self.vary.iter().try_fold(1usize, |n, vary| n.checked_mul(vary.values.len()));
                let count = check_trials(product)?;
                (0..count).map(|number| self.point(number)).collect()
            }
            Search::Random { trials } => {
                let trials = check_trials(Some(trials))?;
                let mut generator = generator(plan.seed, Stream::Search);
                let name = |set: &Vec<(String, toml::Value)>| format!("{set:?}");
                distinct(trials, name, || {
                    let one = |Vary { key, values }: &Vary| {
                        (key.clone(), values.choose(&mut generator).expect("a value").clone())
                    };
                    self.vary.iter().map(one).collect()
                })
            }
        };
        chosen.into_iter().map(|set| candidate(&base, set)).collect()
    }

    /// The values at a point of the grid, numbered with the last key changing fastest.
    fn point(&self, mut number: usize) -> Vec<(String, toml::Value)> {
        let mut set = Vec::with_capacity(self.vary.len());
        for Vary { key, values } in self.vary.iter().rev() {
            set.push((key.clone(), values[number % values.len()].clone()));
            number /= values.len();
        }
        set.reverse();
        set
    }
}

/// The recipe with these values, validated.
fn candidate(base: &Table, set: Vec<(String, toml::Value)>) -> Result<Candidate> {
    let mut table = base.clone();
    for (key, value) in &set {
        // The two keys exclude each other.
        match key.as_str() {
            "layers" => table.remove("hidden"),
            "hidden" => table.remove("layers"),
            _ => None,
        };
        put(&mut table, key, value.clone())?;
    }
    let text = toml::to_string(&table).expect("tables of TOML");
    let words: Vec<String> = set.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let recipe = GradientDescentRecipe::parse(&text, words.join(", ").as_ref())?;
    Ok(Candidate { set, recipe })
}

/// Sets the value of a key, creating tables as needed.
fn put(table: &mut Table, key: &str, value: toml::Value) -> Result<()> {
    let (tables, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut inner = table;
    for name in tables.split('.').filter(|name| !name.is_empty()) {
        let entry = inner.entry(name).or_insert_with(|| toml::Value::Table(Table::new()));
        let found = entry.to_string();
        inner = entry.as_table_mut().ok_or_else(|| {
            Error::setting("the key to vary", key, format!("a table as {name}, which is {found}"))
        })?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

/// Evaluates recipes on examples held out from `data`.
///
/// Divergence is a result like any other: the trial records the step, and is ranked last.
///
/// # Errors
/// Keys and values that do not form a valid recipe, more than [`MOST_TRIALS`](super::MOST_TRIALS) trials, layers that
/// do not accept the examples, and a held-out part that leaves nothing to train on. All of these are detected before
/// the first trial.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::Dataset;
/// use tercet::recipe::GradientDescentRecipe;
/// use tercet::tune::{ValidationMethod, Plan, RecipeSpace, Search, recipes};
///
/// let (x, y) = (0..40).map(|i| (i as f32 / 20.0 - 1.0, u32::from(i >= 20))).unzip();
/// let data = Dataset::from_features("line", 1, x, y, vec!["low".into(), "high".into()])?;
/// let space = RecipeSpace { base: GradientDescentRecipe::network(), vary: vec!["hidden=[4],[8]".parse()?] };
/// let plan = Plan { search: Search::Grid, validation: ValidationMethod::HoldOut { size: 10 }, seed: 0 };
/// let tuning = recipes(&data, &space, &plan, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(tuning.tuned(), ["hidden"]);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn recipes(data: &Dataset, space: &RecipeSpace, plan: &Plan, observe: Observer<'_>) -> Result<Tuning> {
    let candidates = space.candidates(plan)?;
    for Candidate { recipe, .. } in &candidates {
        Preprocessing::fit(&recipe.preprocessing, Learner::Weights, &data.first(2))?;
        recipe.untrained(Shape::of(data), data.class_count())?;
    }
    let splits = plan.validation.splits(data, plan.seed)?;
    let mut watch = Watch::new(candidates.len(), observe);
    for Candidate { set, recipe } in candidates {
        let recipe = GradientDescentRecipe { seed: plan.seed, ..recipe };
        let tried = TrialSettings::Recipe {
            set: set.iter().map(|(key, value)| (key.clone(), shown(value))).collect(),
            recipe: Box::new(recipe.clone()),
        };
        let Some(trial) = attempt(&recipe, tried, &splits, &mut watch)? else { break };
        if watch.trial_done(trial).is_break() {
            break;
        }
    }
    Ok(watch.tuning(data, plan))
}

/// Numbers as numbers, everything else as text.
fn shown(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(n) => Value::Number(*n as f64),
        toml::Value::Float(x) => Value::Number(*x),
        toml::Value::String(text) => Value::Name(text.clone()),
        others => Value::Name(others.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ValidationMethod;
    use super::*;

    const PLAN: Plan =
        Plan { search: Search::Grid, validation: ValidationMethod::HoldOut { size: 5 }, seed: 0 };

    fn space(vary: &[&str]) -> RecipeSpace {
        let vary = vary.iter().map(|text| text.parse().unwrap()).collect();
        RecipeSpace { base: GradientDescentRecipe::network(), vary }
    }

    #[test]
    fn values_are_toml_or_words() {
        let values = |text: &str| {
            let Vary { values, .. } = text.parse().unwrap();
            values.iter().map(toml::Value::to_string).collect::<Vec<_>>()
        };
        assert_eq!(values("train.reg=0, 1e-5"), ["0", "0.00001"]);
        assert_eq!(values("layers=conv5-8 relu pool flatten,flatten dense8 relu").len(), 2);
        assert_eq!(values("train.optimizer={ adam = {} },{ sgd = { momentum = 0.9 } }").len(), 2);
        assert_eq!(values("train.schedule=constant,cosine"), ["\"constant\"", "\"cosine\""]);
        for text in ["train.reg", "=1", "train..reg=1", "train.reg=", "train.reg=1,,2"] {
            let error = text.parse::<Vary>().unwrap_err().to_string();
            assert!(error.starts_with("what to vary is"), "{text}: {error}");
        }
    }

    #[test]
    fn a_grid_goes_through_the_last_key_fastest_and_draws_are_distinct() {
        let space = space(&["hidden=[3],[4]", "train.augment.rotate=0.0,5.0,9.0"]);
        let all = space.candidates(&PLAN).unwrap();
        let seen: Vec<_> = all.iter().map(|c| (c.recipe.hidden[0], c.recipe.train.augment.rotate)).collect();
        assert_eq!(seen, [(3, 0.0), (3, 5.0), (3, 9.0), (4, 0.0), (4, 5.0), (4, 9.0)]);
        let drawn = space.candidates(&Plan { search: Search::Random { trials: 5 }, ..PLAN }).unwrap();
        let mut seen: Vec<_> = drawn
            .iter()
            .map(|c| format!("{:?} {}", c.recipe.hidden, c.recipe.train.augment.rotate))
            .collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }

    #[test]
    fn layers_replace_hidden_sizes() {
        let all = space(&["layers=conv3-4 relu flatten,flatten dense4 relu"]).candidates(&PLAN).unwrap();
        assert!(all.iter().all(|c| c.recipe.hidden.is_empty() && c.recipe.layers.is_some()));
    }

    #[test]
    fn invalid_recipes_are_rejected_by_key() {
        for (vary, said) in [
            (&["train.learning_rat=1"][..], "train.learning_rat = 1"),
            (&["train.dropout=2.0"], "dropout"),
            (&["seed=1,2"], "the key to vary is seed"),
            (&["train.reg=1", "train.reg=2"], "every key once"),
            (&["train.reg.deep=1"], "a table as reg"),
        ] {
            let error = space(vary).candidates(&PLAN).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(said), "{vary:?}: {error}");
        }
    }
}
