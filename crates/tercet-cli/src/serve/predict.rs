//! `POST /v1/predict`: the prediction for a picture, for pixels, or for features.

use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use serde_json::{Value, json};
use tercet::data::Examples;
use tercet::image::{self, ImageShape, Limits, Picture};
use tercet::matrix::argmax;

use super::body::MAX_BODY;
use super::models::Served;
use super::problem::Problem;
use super::work::Size;
use super::{Server, json_response};
use crate::exit;
use crate::prediction::{self, Readings};

/// The largest width and height of a picture; with three bytes per pixel, they also limit its memory.
pub const MAX_SIDE: u32 = 4096;

const LIMITS: Limits = Limits { side: MAX_SIDE, bytes: 3 * (MAX_SIDE as u64) * (MAX_SIDE as u64) };

/// The largest number of pixels of a small picture.
const SMALL_PIXELS: u64 = 512 * 512;

/// The largest number of bytes of a small request.
const SMALL_BYTES: usize = 64 << 10;

/// The name of the picture in errors.
const PICTURE: &str = "the picture";

const EXPECTED_TYPES: &str = "image/png, image/jpeg, image/bmp, image/x-portable-anymap, application/octet-stream, \
     multipart/form-data with a field `picture`, or application/json with `pixels` or `features`";

/// The input of a request.
enum Question {
    /// A picture file.
    Picture(Bytes),
    /// A document with numbers.
    Json(Bytes),
}

/// Pixels or features, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    pixels: Option<Vec<u8>>,
    width: Option<usize>,
    height: Option<usize>,
    channels: Option<usize>,
    features: Option<Vec<f32>>,
}

/// The boundary of a form, or that the body is not a form.
enum Form {
    Parts(String),
    None,
}

/// Handles a request.
pub async fn predict(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let checked = model(&server, head.uri.query()).and_then(|model| {
        let kind = head.headers.get(CONTENT_TYPE).map_or(Ok(""), |value| {
            value.to_str().map_err(|_| Problem::bad("the header content-type is not ASCII text"))
        })?;
        Ok((model, is_json(kind), form(kind)?))
    });
    let (model, is_json, form) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            server.budget.drain(body).await;
            return Err(problem);
        }
    };
    let held = server.budget.read(body, server.timeout).await?;
    let question = match form {
        Form::Parts(boundary) => Question::Picture(picture_of_form(held.bytes.clone(), boundary).await?),
        Form::None if is_json => Question::Json(held.bytes.clone()),
        Form::None => Question::Picture(held.bytes.clone()),
    };

    let small = held.bytes.len() <= SMALL_BYTES;
    let question = Arc::new(question);
    let (of_work, query) = (model.clone(), question.clone());
    if small
        && let Some(answer) = server.work.run(Size::Small, move || answer_if_small(&of_work, &query)).await?
    {
        return Ok(json_response(StatusCode::OK, &answer?));
    }
    let answer = server
        .work
        .run(Size::Large, move || {
            // Held until the end of the work, even if the client disconnects.
            let _held = held;
            answer(&model, &question)
        })
        .await?;
    Ok(json_response(StatusCode::OK, &answer?))
}

/// The model that the query names, or the first one.
fn model(server: &Server, query: Option<&str>) -> Result<Arc<Served>, Problem> {
    let mut named = None;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "model" if named.is_none() => named = Some(value),
            "model" => return Err(Problem::bad("found model twice in the query; expected one name")),
            other => {
                return Err(Problem::bad(format!(
                    "found {other:?} in the query; expected model=NAME or nothing"
                )));
            }
        }
    }
    server.models.find(named.as_deref())
}

/// Whether a body of this media type is a document with numbers.
fn is_json(kind: &str) -> bool {
    essence(kind).eq_ignore_ascii_case("application/json")
}

/// A media type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// Whether a body of this media type is a form. Types other than forms, JSON and pictures are rejected.
fn form(kind: &str) -> Result<Form, Problem> {
    let essence = essence(kind).to_ascii_lowercase();
    match essence.as_str() {
        "multipart/form-data" => multer::parse_boundary(kind)
            .map(Form::Parts)
            .map_err(|error| Problem::bad(format!("content-type {kind:?}: {error}; expected a boundary"))),
        "" | "application/octet-stream" | "application/json" => Ok(Form::None),
        image if image.starts_with("image/") => Ok(Form::None),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "found a body of type {essence}; expected {EXPECTED_TYPES}. Name the type in the header \
                 content-type"
            ),
        )),
    }
}

/// The field `picture` of a form.
async fn picture_of_form(body: Bytes, boundary: String) -> Result<Bytes, Problem> {
    let broken = |error: multer::Error| {
        Problem::bad(format!("the form cannot be read: {}", exit::in_words(&error.into())))
    };
    let constraints =
        multer::Constraints::new().size_limit(multer::SizeLimit::new().whole_stream(MAX_BODY as u64));
    let mut form =
        multer::Multipart::with_constraints(Full::new(body).into_data_stream(), boundary, constraints);
    let mut others = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("picture") => return field.bytes().await.map_err(broken),
            name => others.push(format!("{:?}", name.unwrap_or_default())),
        }
        if others.len() > 16 {
            break;
        }
    }
    let found = if others.is_empty() {
        "a form without fields".to_owned()
    } else {
        format!("fields {}", others.join(", "))
    };
    Err(Problem::bad(format!("found {found}; expected a field `picture` with a picture file")))
}

/// The answer to a small request; `None` for a picture that turns out to be large.
fn answer_if_small(model: &Served, question: &Question) -> Option<Result<Value, Problem>> {
    if let Question::Picture(bytes) = question {
        match image::claimed_size(bytes, Path::new(PICTURE), LIMITS) {
            Ok((width, height)) if u64::from(width) * u64::from(height) > SMALL_PIXELS => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(Problem::content(&error))),
        }
    }
    Some(answer(model, question))
}

/// The answer, by the same steps as those of `tercet predict`.
fn answer(served: &Served, question: &Question) -> Result<Value, Problem> {
    let ensemble = &served.ensemble;
    let reject = |error: tercet::Error| Problem::content(&error);
    let prediction = match read(served, question)? {
        Query::Picture(picture) => {
            let readings = prediction::of_picture(ensemble, &picture).map_err(reject)?;
            return answer_for_picture(served, &readings);
        }
        Query::Features(features) => {
            let example = Examples::from_features(features.len(), features).map_err(reject)?;
            prediction::of_example(ensemble, &example).map_err(reject)?
        }
    };
    check_finite(&prediction.scores)?;
    Ok(document(served, &prediction.scores))
}

fn check_finite(scores: &[f32]) -> Result<(), Problem> {
    match scores.iter().all(|score| score.is_finite()) {
        true => Ok(()),
        false => Err(Problem::content(
            "the scores are not finite: send features of the size that the model learned from",
        )),
    }
}

/// The best class and the scores of all classes.
fn document(served: &Served, scores: &[f32]) -> Value {
    let (ensemble, model) = (&served.ensemble, served.ensemble.first());
    let best = argmax(scores) as usize;
    json!({
        "model": served.name,
        "class": model.classes()[best],
        "score": scores[best],
        "score_kind": prediction::score_name(ensemble),
        "scores": prediction::scores_to_json(model, scores),
    })
}

/// The answer for a picture: that of its only character, or the text and all characters.
fn answer_for_picture(served: &Served, readings: &Readings) -> Result<Value, Problem> {
    readings.characters.iter().try_for_each(|reading| check_finite(&reading.prediction.scores))?;
    let ensemble = &served.ensemble;
    let Some(reading) = readings.single() else {
        return Ok(json!({
            "model": served.name,
            "text": readings.text(ensemble.first()),
            "score_kind": prediction::score_name(ensemble),
            "characters": prediction::characters_to_json(ensemble, readings, "score"),
        }));
    };
    let mut document = document(served, &reading.prediction.scores);
    document["preprocessing"] = json!(prediction::stages(&reading.prepared));
    if let Some(bounds) = &reading.bounds {
        document["box"] = prediction::bounds_to_json(bounds);
    }
    Ok(document)
}

/// The input of a prediction.
enum Query {
    Picture(Picture),
    Features(Vec<f32>),
}

fn read(served: &Served, question: &Question) -> Result<Query, Problem> {
    let input = served.ensemble.first().preprocessing().input();
    let image_of_pixels = input.image.filter(|_| input.pixels);
    let json = match question {
        Question::Picture(_) if image_of_pixels.is_none() => {
            return Err(Problem::content(&format!(
                "found a picture; expected JSON with {} features, which the model {} takes",
                input.features, served.name
            )));
        }
        Question::Picture(bytes) => {
            let picture = image::decode_within(bytes, Path::new(PICTURE), LIMITS);
            return picture.map(Query::Picture).map_err(|error| Problem::content(&error));
        }
        Question::Json(json) => json,
    };
    let numbers: Numbers = serde_json::from_slice(json)
        .map_err(|error| Problem::bad(format!("the JSON in the body is not as expected: {error}")))?;
    match (numbers.pixels, numbers.features) {
        (Some(pixels), None) => {
            let Some(of_model) = image_of_pixels else {
                return Err(Problem::content(&format!(
                    "found pixels; expected {} features, which the model {} takes",
                    input.features, served.name
                )));
            };
            let shape = ImageShape {
                width: numbers.width.unwrap_or(of_model.width),
                height: numbers.height.unwrap_or(of_model.height),
                channels: numbers.channels.unwrap_or(1),
            };
            if shape.width > MAX_SIDE as usize || shape.height > MAX_SIDE as usize {
                let expected = format!("1 to {MAX_SIDE} pixels a side");
                return Err(Problem::content(&format!("found {shape} pixels; expected {expected}")));
            }
            Picture::new(shape, pixels).map(Query::Picture).map_err(|error| Problem::content(&error))
        }
        (None, Some(features)) if image_of_pixels.is_some() => Err(Problem::content(&format!(
            "found {} features; expected pixels or a picture, which the model {} takes",
            features.len(),
            served.name
        ))),
        (None, Some(_)) if numbers.width.or(numbers.height).or(numbers.channels).is_some() => {
            Err(Problem::bad("found a width, height or channels with features; leave them out"))
        }
        (None, Some(features)) => Ok(Query::Features(features)),
        (Some(_), Some(_)) => Err(Problem::bad("found both pixels and features; expected one of the two")),
        (None, None) => Err(Problem::bad("found neither pixels nor features; expected one of the two")),
    }
}
