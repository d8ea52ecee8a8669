//! The door: what the worker calls.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tercet::image::{Contract, ImageShape, Picture, Prepared, Range};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

use crate::convolution::{Filtering, filter};
use crate::data::{Data, pieces};
use crate::draw::{Reading, Stage, prepared, read, set_of};
use crate::exercise::{Numbers, work};
use crate::expression::{Subject, compute};
use crate::models::Loaded;
use crate::plane::{Plane, Scene};
use crate::training::{Session, Setup};
use crate::verdict::{Judge, Thresholds, Verdict};

/// Everything that the page has in memory.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    thresholds: Thresholds,
    judge: Option<Judge>,
    models: Vec<(String, Loaded)>,
    data: Data,
    session: Option<Session>,
    plane: Option<Plane>,
}

/// All readings of a picture.
#[derive(Serialize)]
struct Readings<'a> {
    /// The preparation for the first of the models.
    stages: Vec<Stage>,
    models: Vec<(&'a str, Reading)>,
    verdict: Option<Verdict>,
}

#[wasm_bindgen]
impl Engine {
    /// An engine without models and data, with the thresholds of its verdict: the text of `models/verdict.json`.
    ///
    /// # Errors
    /// A text that holds no thresholds.
    #[wasm_bindgen(constructor)]
    pub fn new(thresholds: &str) -> Result<Engine, JsError> {
        let thresholds = from_json(thresholds)?;
        let (models, data) = (Vec::new(), Data::default());
        Ok(Engine { thresholds, judge: None, models, data, session: None, plane: None })
    }

    /// The thresholds of the verdict, and what they were found to do.
    ///
    /// # Errors
    /// None in practice.
    pub fn thresholds(&self) -> Result<String, JsError> {
        to_json(&self.thresholds)
    }

    /// Puts the model of a file into a place, such as `linear`; says what it is.
    ///
    /// # Errors
    /// A file that the program would refuse, too.
    #[wasm_bindgen(js_name = addModel)]
    pub fn add_model(&mut self, place: &str, name: &str, bytes: &[u8]) -> Result<String, JsError> {
        let loaded = Loaded::from_bytes(bytes, name).map_err(refuse)?;
        self.put(place, loaded)
    }

    /// Puts the model that is being trained, as it is now, into a place.
    ///
    /// # Errors
    /// Where none is trained.
    #[wasm_bindgen(js_name = addTrained)]
    pub fn add_trained(&mut self, place: &str) -> Result<String, JsError> {
        let loaded = Loaded::new(self.trained()?.model().map_err(refuse)?).map_err(refuse)?;
        self.put(place, loaded)
    }

    /// Has the neighbours remember all of MNIST.
    ///
    /// # Errors
    /// Where it has not been loaded.
    #[wasm_bindgen(js_name = rememberAll)]
    pub fn remember_all(&mut self, place: &str, k: usize) -> Result<String, JsError> {
        let loaded = Loaded::remembering(self.data.whole().map_err(refuse)?, k).map_err(refuse)?;
        self.put(place, loaded)
    }

    /// Takes a model out.
    #[wasm_bindgen(js_name = removeModel)]
    pub fn remove_model(&mut self, place: &str) {
        self.models.retain(|(known, _)| known != place);
    }

    /// What the model in each of these places makes of a picture. `class` is the one whose template is looked at, −1 for
    /// the winner.
    ///
    /// # Errors
    /// A picture that cannot be prepared, such as one without ink.
    pub fn read(
        &self,
        width: usize,
        height: usize,
        channels: usize,
        pixels: Vec<u8>,
        class: i32,
    ) -> Result<String, JsError> {
        let picture = Picture::new(ImageShape { width, height, channels }, pixels).map_err(refuse)?;
        let class = usize::try_from(class).ok();
        let mut models = Vec::with_capacity(self.models.len());
        let (mut stages, mut verdict) = (Vec::new(), None);
        // Most models want the same, and what was prepared for one serves the next.
        let mut last: Option<(Contract, Prepared)> = None;
        for (place, model) in self.models.iter() {
            let contract = Contract { range: Range::ZeroToOne, ..model.file.card.contract };
            let ready = match last.take() {
                Some((known, ready)) if known == contract => ready,
                _ => prepared(model, &picture).map_err(refuse)?,
            };
            if models.is_empty() {
                stages = Stage::all(&ready);
            }
            models.push((place.as_str(), read(model, &ready, class).map_err(refuse)?));
            if let (Some(judge), "convolution") = (&self.judge, place.as_str()) {
                let set = set_of(model, &ready).map_err(refuse)?;
                let distances = judge.distances(model, &set).map_err(refuse)?;
                verdict = distances.first().map(|&distances| self.thresholds.judge(distances));
            }
            last = Some((contract, ready));
        }
        to_json(&Readings { stages, models, verdict })
    }

    /// The names of the pieces of MNIST.
    ///
    /// # Errors
    /// None in practice.
    pub fn pieces(&self) -> Result<String, JsError> {
        to_json(&pieces())
    }

    /// Takes a piece of MNIST; says whether it is whole.
    ///
    /// # Errors
    /// A piece of another name, and data that is not MNIST.
    #[wasm_bindgen(js_name = addData)]
    pub fn add_data(&mut self, name: &str, bytes: Vec<u8>) -> Result<bool, JsError> {
        self.data.add(name, bytes).map_err(refuse)
    }

    /// Begins a training.
    ///
    /// # Errors
    /// Settings and layers that make no sense; data that has not been loaded.
    #[wasm_bindgen(js_name = beginTraining)]
    pub fn begin_training(&mut self, setup: &str) -> Result<String, JsError> {
        let setup: Setup = from_json(setup)?;
        let parts = self.data.parts().map_err(refuse)?;
        let session = Session::new(setup, &parts.train, &parts.validation).map_err(refuse)?;
        let words = session.network().to_string();
        self.session = Some(session);
        Ok(words)
    }

    /// Goes on for so many steps.
    ///
    /// # Errors
    /// Where nothing is trained, and a loss that is no number any more.
    pub fn train(&mut self, steps: usize, measure: bool) -> Result<String, JsError> {
        to_json(&self.trained()?.advance(steps, measure).map_err(refuse)?)
    }

    /// Multiplies the learning rate of all steps to come.
    ///
    /// # Errors
    /// A factor that is none.
    #[wasm_bindgen(js_name = scaleLearningRate)]
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<(), JsError> {
        self.trained()?.scale_learning_rate(factor).map_err(refuse)
    }

    /// The weights of the first layer as images.
    ///
    /// # Errors
    /// Where nothing is trained.
    pub fn templates(&mut self, most: usize) -> Result<String, JsError> {
        to_json(&self.trained()?.templates(most))
    }

    /// How activations and gradients are spread.
    ///
    /// # Errors
    /// Where nothing is trained.
    pub fn histograms(&mut self) -> Result<String, JsError> {
        to_json(&self.trained()?.histograms())
    }

    /// The bytes of the model file of what is trained.
    ///
    /// # Errors
    /// Where nothing is trained, and weights that are no numbers any more.
    #[wasm_bindgen(js_name = trainedFile)]
    pub fn trained_file(&mut self) -> Result<Vec<u8>, JsError> {
        self.trained()?.model().map_err(refuse)?.to_bytes().map_err(refuse)
    }

    /// Puts points into the plane, with a classifier that learns them. The answer is the points.
    ///
    /// # Errors
    /// Settings that make no sense.
    #[wasm_bindgen(js_name = beginPlane)]
    pub fn begin_plane(&mut self, scene: &str) -> Result<String, JsError> {
        let scene: Scene = from_json(scene)?;
        let plane = Plane::new(&scene).map_err(refuse)?;
        let points = to_json(plane.points())?;
        self.plane = Some(plane);
        Ok(points)
    }

    /// Has it learn for so many steps, and looks at `side` × `side` places.
    ///
    /// # Errors
    /// Where there is no plane, and a loss that is no number any more.
    #[wasm_bindgen(js_name = advancePlane)]
    pub fn advance_plane(&mut self, steps: usize, side: usize) -> Result<String, JsError> {
        let plane = self.plane.as_mut().ok_or_else(|| refuse("there is no plane yet"))?;
        to_json(&plane.advance(steps, side).map_err(refuse)?)
    }

    /// Differentiates an expression or a small network, step by step.
    ///
    /// # Errors
    /// An expression that cannot be read, and whatever else has no gradient.
    pub fn graph(&self, subject: &str) -> Result<String, JsError> {
        let subject: Subject = from_json(subject)?;
        to_json(&compute(&subject).map_err(refuse)?)
    }

    /// Filters a picture.
    ///
    /// # Errors
    /// A filter that does not fit.
    pub fn filter(&self, what: &str) -> Result<String, JsError> {
        let what: Filtering = from_json(what)?;
        to_json(&filter(&what).map_err(refuse)?)
    }

    /// Works the lecture's exercise.
    ///
    /// # Errors
    /// Numbers that do not fit.
    pub fn exercise(&self, numbers: &str) -> Result<String, JsError> {
        let numbers: Numbers = from_json(numbers)?;
        to_json(&work(&numbers).map_err(refuse)?)
    }
}

impl Engine {
    fn model(&self, place: &str) -> Option<&Loaded> {
        self.models.iter().find(|(known, _)| known == place).map(|(_, model)| model)
    }

    fn put(&mut self, place: &str, loaded: Loaded) -> Result<String, JsError> {
        let about = to_json(&loaded.about())?;
        match self.models.iter_mut().find(|(known, _)| known == place) {
            Some((_, there)) => *there = loaded,
            None => self.models.push((place.to_owned(), loaded)),
        }
        if self.judge.is_none()
            && let (Some(sample), Some(convolution)) = (self.model("sample"), self.model("convolution"))
        {
            self.judge = Some(Judge::new(sample, convolution).map_err(refuse)?);
        }
        Ok(about)
    }

    fn trained(&mut self) -> Result<&mut Session, JsError> {
        self.session.as_mut().ok_or_else(|| refuse("nothing is being trained yet"))
    }
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, JsError> {
    serde_json::to_string(value).map_err(refuse)
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, JsError> {
    serde_json::from_str(text)
        .map_err(|error| refuse(format!("a request that cannot be understood: {error}")))
}

fn refuse(error: impl ToString) -> JsError {
    JsError::new(&error.to_string())
}
