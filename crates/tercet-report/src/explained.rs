//! A page that explains predictions by nearest neighbours: each picture with its neighbours, their distances and votes.

use std::path::Path;

use maud::{Markup, html};

use super::numbers::{counted, grouped, three_digits};
use super::page::{bar, document};
use super::sprites::Sprites;
use tercet::data::Classes;
use tercet::neighbors::{Explanation, NeighborsClassifier, Priors, Vote};
use tercet::{Error, Result};

/// The maximum number of neighbours shown per picture.
const SHOWN: usize = 100;

/// A classified picture, and the explanation of its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The name of the picture.
    pub name: String,
    /// Its pixels, after preprocessing.
    pub pixels: Vec<u8>,
    /// The predicted class.
    pub class: u32,
    /// The neighbours and their votes.
    pub explanation: Explanation,
}

/// The page of pictures and their neighbours as HTML: a single file that works offline, light and dark, and loads
/// nothing.
///
/// ```
/// use tercet::data::{Dataset, Examples};
/// use tercet::image::ImageShape;
/// use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
/// use tercet_report::{Explained, render_explained};
///
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let set = Dataset::from_pixels("toy", ImageShape::gray(2, 1), vec![0, 9, 250, 255], vec![0, 1], classes)?;
/// let classifier = NeighborsClassifier::fit(&set, Metric::L2, 2, Vote::Distance)?;
/// let query = Examples::from_pixels(ImageShape::gray(2, 1), vec![8, 8])?;
/// let explanation = classifier.explain(&classifier.search(&query)?, 0)?;
/// let explained = Explained { name: "mine.png".into(), pixels: vec![8, 8], class: 0, explanation };
/// let page = render_explained(&classifier, set.classes(), &[explained])?;
/// assert!(page.contains("mine.png") && page.contains("data:image/png"));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// An explanation of another classifier, with a class or a neighbour that this one does not have.
pub fn render_explained(
    classifier: &NeighborsClassifier,
    classes: &Classes,
    explained: &[Explained],
) -> Result<String> {
    let mut sprites =
        classifier.image_shape().filter(|_| classifier.index().is_pixels()).and_then(Sprites::new);
    for one in explained {
        check(classifier, one)?;
    }
    // All pictures are placed first, because a sheet can be full; then the style sheet with their positions is written.
    let places: Vec<(Option<usize>, Vec<Option<usize>>)> = explained
        .iter()
        .map(|one| {
            let mut add = |pixels: Option<&[u8]>| sprites.as_mut()?.add(pixels?);
            let picture = add(Some(&one.pixels));
            let shown = one.explanation.neighbors.iter().take(SHOWN);
            let pixels = shown.map(|voter| classifier.index().pixels(voter.index as usize));
            (picture, pixels.map(|pixels| add(pixels.as_deref())).collect())
        })
        .collect();
    let tile = |place: Option<usize>, description: &str| Some(sprites.as_ref()?.tile_at(place?, description));
    let sections = explained.iter().zip(&places).map(|(one, (picture, neighbors))| {
        let tiles =
            neighbors.iter().zip(&one.explanation.neighbors).enumerate().map(|(rank, (place, voter))| {
                let class = &classes[voter.label as usize];
                tile(*place, &format!("neighbour {}: training example {}, a {class}", rank + 1, voter.index))
            });
        section(classes, one, tile(*picture, &one.name), tiles.collect())
    });
    let body = html! {
        header.page {
            (bar("explanation"))
            h1 { "Explanation of the predictions" }
            p.lede {
                (counted(explained.len(), "picture", "pictures")) ", each classified by the "
                (counted(classifier.k(), "training example", "training examples")) " nearest to it by " (classifier.distance_in_words())
                ", of " (grouped(classifier.labels().len() as u64)) ". The vote is " @match classifier.vote() { Vote::Uniform => "uniform", Vote::Distance => "by distance" }
                @if *classifier.priors() != Priors::Data { ", with priors of the classes: " (classifier.priors()) }
                @if classifier.weights().is_some() { "; the examples have weights" } "."
            }
        }
        main { @for section in sections { (section) } }
    };
    let sheet = sprites.as_ref().map(Sprites::style).transpose()?;
    let style = sheet.map(|sheet| format!(".story{{margin-top:1.2rem}}{sheet}"));
    Ok(document("Explanation of the predictions", env!("CARGO_PKG_VERSION"), style.as_deref(), body, None))
}

/// Writes the page of pictures and their neighbours to the file at `path`. If writing fails, an existing file is
/// unchanged.
///
/// # Errors
/// Those of [`render_explained`], and a file that cannot be written.
pub fn write_explained(
    path: &Path,
    classifier: &NeighborsClassifier,
    classes: &Classes,
    explained: &[Explained],
) -> Result<()> {
    tercet::file::replace(path, render_explained(classifier, classes, explained)?.as_bytes())
}

fn check(classifier: &NeighborsClassifier, one: &Explained) -> Result<()> {
    let classes = classifier.classes();
    let labels = one.explanation.neighbors.iter().map(|voter| voter.label);
    if let Some(class) = labels.chain([one.class]).find(|&class| class as usize >= classes) {
        let what = format!("class in the explanation of {}", one.name);
        return Err(Error::mismatch(what, class, format!("one of the {classes} classes of the classifier")));
    }
    let found = one.explanation.shares.len();
    if found != classes || one.explanation.votes.len() != classes {
        return Err(Error::mismatch(format!("shares in the explanation of {}", one.name), found, classes));
    }
    Ok(())
}

fn section(
    classes: &Classes,
    one: &Explained,
    picture: Option<Markup>,
    tiles: Vec<Option<Markup>>,
) -> Markup {
    let Explained { name, class, explanation, .. } = one;
    let class_name = |class: u32| &classes[class as usize];
    html! {
        section aria-label=(name) {
            h2 { (name) ": " (class_name(*class)) }
            div.story {
                figure.query {
                    @if let Some(tile) = picture { (tile) }
                    figcaption { "The picture as the model sees it" }
                }
                ol.gallery {
                    @for (voter, tile) in explanation.neighbors.iter().zip(tiles) {
                        li {
                            @if let Some(tile) = tile { (tile) }
                            p.labels { "a " b.wrong[voter.label != *class] { (class_name(voter.label)) } }
                            p.index {
                                "distance " (three_digits(voter.distance)) br;
                                "vote " (three_digits(voter.vote)) br;
                                "#" (voter.index)
                            }
                        }
                    }
                }
                dl.votes {
                    @for (class, &share) in (0u32..).zip(&explanation.shares).filter(|(_, share)| **share > 0.0) {
                        @let share = 100.0 * share;
                        div {
                            dt { (class_name(class)) }
                            dd { span.bar style={ "--share:" (format!("{share:.1}")) } {} (format!("{share:.0} %")) }
                        }
                    }
                }
            }
            p.note {
                @if explanation.neighbors.len() > SHOWN {
                    "The nearest " (SHOWN) " of " (grouped(explanation.neighbors.len() as u64)) " neighbours are shown. "
                }
                @if explanation.anyone_voted() {
                    "Nearest first, with the share of the vote that each class gets. # is the place in the training set, counted from 0."
                } @else {
                    "None of the neighbours has a vote, so the priors of the classes decide."
                }
            }
        }
    }
}
