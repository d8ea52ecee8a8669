//! [`Engine`]: the methods that the worker calls.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tercet::image::{ImageShape, Picture};
use tercet::preprocess::{Prepared, Preprocessing, Spec};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

use crate::convolution::{Filtering, filter};
use crate::data::{Data, files};
use crate::draw::{Prediction, Stage, predict, prepare};
use crate::exercise::{Numbers, work};
use crate::expression::{Subject, compute};
use crate::models::Loaded;
use crate::plane::{Plane, Scene};
use crate::training::{Session, Setup};
use crate::verdict::{Detector, Thresholds, Verdict};

/// The state of the page.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Engine {
    thresholds: Thresholds,
    detector: Option<Detector>,
    models: Vec<(String, Loaded)>,
    data: Data,
    session: Option<Session>,
    plane: Option<Plane>,
}

/// The predictions of all models for a picture.
#[derive(Serialize)]
struct Predictions<'a> {
    /// The stages of the first model's preprocessing.
    stages: Vec<Stage>,
    models: Vec<(&'a str, Prediction)>,
    verdict: Option<Verdict>,
}

#[wasm_bindgen]
impl Engine {
    /// An engine without models and data, with the thresholds of `models/verdict.json`.
    ///
    /// # Errors
    /// A text that is not thresholds as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(thresholds: &str) -> Result<Engine, JsError> {
        let thresholds = from_json(thresholds)?;
        let (models, data) = (Vec::new(), Data::default());
        Ok(Engine { thresholds, detector: None, models, data, session: None, plane: None })
    }

    /// The thresholds of the verdict, with their measured acceptance and rejection rates.
    ///
    /// # Errors
    /// None in practice.
    pub fn thresholds(&self) -> Result<String, JsError> {
        to_json(&self.thresholds)
    }

    /// Adds the model of a file under a name, such as `linear`, or replaces the model of that name. Returns
    /// its description.
    ///
    /// # Errors
    /// Those of [`Loaded::from_bytes`].
    #[wasm_bindgen(js_name = addModel)]
    pub fn add_model(&mut self, name: &str, file: &str, bytes: &[u8]) -> Result<String, JsError> {
        let loaded = Loaded::from_bytes(bytes, file).map_err(refuse)?;
        self.put(name, loaded)
    }

    /// Adds the model that is being trained, with its current weights.
    ///
    /// # Errors
    /// No model that is being trained.
    #[wasm_bindgen(js_name = addTrained)]
    pub fn add_trained(&mut self, name: &str) -> Result<String, JsError> {
        let loaded = Loaded::new(self.trained()?.model().map_err(refuse)?).map_err(refuse)?;
        self.put(name, loaded)
    }

    /// Adds k nearest neighbours among all training images of MNIST.
    ///
    /// # Errors
    /// MNIST has not been loaded.
    #[wasm_bindgen(js_name = addNeighbors)]
    pub fn add_neighbors(&mut self, name: &str, k: usize) -> Result<String, JsError> {
        let loaded = Loaded::neighbors(self.data.all().map_err(refuse)?, k).map_err(refuse)?;
        self.put(name, loaded)
    }

    /// Removes a model.
    #[wasm_bindgen(js_name = removeModel)]
    pub fn remove_model(&mut self, name: &str) {
        self.models.retain(|(known, _)| known != name);
    }

    /// The predictions of all models for a picture. `class` is the one whose template is shown, −1 for the
    /// predicted one.
    ///
    /// # Errors
    /// A picture that cannot be preprocessed, such as one without ink.
    pub fn predict(
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
        // Most models have the same preprocessing, so a prepared picture is kept for the next model.
        let mut last: Option<(&Preprocessing, Prepared)> = None;
        for (name, loaded) in &self.models {
            let preprocessing = loaded.model.preprocessing();
            let prepared = match last.take() {
                Some((known, prepared)) if known == preprocessing => prepared,
                _ => prepare(loaded, &picture).map_err(refuse)?,
            };
            if models.is_empty() {
                stages = Stage::all(&prepared);
            }
            models.push((name.as_str(), predict(loaded, &prepared, class).map_err(refuse)?));
            if let (Some(detector), "convolution") = (&self.detector, name.as_str()) {
                let distances = detector.distances(loaded, &prepared.examples()).map_err(refuse)?;
                verdict = distances.first().map(|&distances| self.thresholds.verdict(distances));
            }
            last = Some((preprocessing, prepared));
        }
        to_json(&Predictions { stages, models, verdict })
    }

    /// The names of the files of MNIST.
    ///
    /// # Errors
    /// None in practice.
    #[wasm_bindgen(js_name = dataFiles)]
    pub fn data_files(&self) -> Result<String, JsError> {
        to_json(&files())
    }

    /// Adds a file of MNIST. Returns whether the data set is complete.
    ///
    /// # Errors
    /// An unknown name, and data that is not MNIST.
    #[wasm_bindgen(js_name = addData)]
    pub fn add_data(&mut self, name: &str, bytes: Vec<u8>) -> Result<bool, JsError> {
        self.data.add(name, bytes).map_err(refuse)
    }

    /// Starts to train a model on MNIST. Returns its architecture.
    ///
    /// # Errors
    /// Invalid settings or layers, and data that has not been loaded.
    #[wasm_bindgen(js_name = beginTraining)]
    pub fn begin_training(&mut self, setup: &str) -> Result<String, JsError> {
        let setup: Setup = from_json(setup)?;
        let split = self.data.split().map_err(refuse)?;
        let session =
            Session::new(setup, Spec::default(), &split.train, &split.validation).map_err(refuse)?;
        let architecture = session.network().to_string();
        self.session = Some(session);
        Ok(architecture)
    }

    /// Trains for some steps.
    ///
    /// # Errors
    /// No model that is being trained, and a loss that diverges.
    pub fn train(&mut self, steps: usize, stats: bool) -> Result<String, JsError> {
        to_json(&self.trained()?.advance(steps, stats).map_err(refuse)?)
    }

    /// Multiplies the learning rate of all later steps.
    ///
    /// # Errors
    /// A factor that is not a positive number.
    #[wasm_bindgen(js_name = scaleLearningRate)]
    pub fn scale_learning_rate(&mut self, factor: f32) -> Result<(), JsError> {
        self.trained()?.scale_learning_rate(factor).map_err(refuse)
    }

    /// The weights of the first layer as images.
    ///
    /// # Errors
    /// No model that is being trained.
    pub fn templates(&mut self, most: usize) -> Result<String, JsError> {
        to_json(&self.trained()?.templates(most))
    }

    /// The distributions of activations and gradients.
    ///
    /// # Errors
    /// No model that is being trained.
    pub fn histograms(&mut self) -> Result<String, JsError> {
        to_json(&self.trained()?.histograms())
    }

    /// The bytes of the model file of the model that is being trained.
    ///
    /// # Errors
    /// No model that is being trained, and non-finite weights.
    #[wasm_bindgen(js_name = trainedFile)]
    pub fn trained_file(&mut self) -> Result<Vec<u8>, JsError> {
        self.trained()?.model().map_err(refuse)?.to_bytes().map_err(refuse)
    }

    /// Sets the points of the plane and a classifier that is trained on them. Returns the points.
    ///
    /// # Errors
    /// Invalid settings.
    #[wasm_bindgen(js_name = beginPlane)]
    pub fn begin_plane(&mut self, scene: &str) -> Result<String, JsError> {
        let scene: Scene = from_json(scene)?;
        let plane = Plane::new(&scene).map_err(refuse)?;
        let points = to_json(plane.points())?;
        self.plane = Some(plane);
        Ok(points)
    }

    /// Trains this classifier for some steps, and evaluates `side` × `side` cells of the plane.
    ///
    /// # Errors
    /// No points yet, and a loss that diverges.
    #[wasm_bindgen(js_name = advancePlane)]
    pub fn advance_plane(&mut self, steps: usize, side: usize) -> Result<String, JsError> {
        let plane = self.plane.as_mut().ok_or_else(|| refuse("there is no plane yet"))?;
        to_json(&plane.advance(steps, side).map_err(refuse)?)
    }

    /// Differentiates an expression or a small network, step by step.
    ///
    /// # Errors
    /// An expression that cannot be parsed or has no gradient.
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

    /// Computes the lecture's exercise.
    ///
    /// # Errors
    /// Numbers that do not fit.
    pub fn exercise(&self, numbers: &str) -> Result<String, JsError> {
        let numbers: Numbers = from_json(numbers)?;
        to_json(&work(&numbers).map_err(refuse)?)
    }
}

impl Engine {
    fn model(&self, name: &str) -> Option<&Loaded> {
        self.models.iter().find(|(known, _)| known == name).map(|(_, model)| model)
    }

    fn put(&mut self, name: &str, loaded: Loaded) -> Result<String, JsError> {
        let about = to_json(&loaded.about())?;
        match self.models.iter_mut().find(|(known, _)| known == name) {
            Some((_, model)) => *model = loaded,
            None => self.models.push((name.to_owned(), loaded)),
        }
        if self.detector.is_none()
            && let (Some(sample), Some(convolution)) = (self.model("sample"), self.model("convolution"))
        {
            self.detector = Some(Detector::new(sample, convolution).map_err(refuse)?);
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
