//! A chart with its caption: part of a page, or a separate file.

use std::fmt::Write;
use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::chart::{Ink, SIZE};
use tercet::{Error, Result};

/// The kind of mark that a line of the caption explains.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Line(Ink),
    Dot,
    /// The highlighted point.
    Ring,
    /// Points below the chart.
    Below,
    Cross,
}

impl Key {
    /// Its CSS class.
    fn class(self) -> &'static str {
        match self {
            Key::Line(ink) => ink.name(),
            Key::Dot => "dot",
            Key::Ring => "ring",
            Key::Below => "below",
            Key::Cross => "cross",
        }
    }

    /// The mark as SVG, centred on a point.
    fn mark(self, x: f64, y: f64) -> String {
        match self {
            Key::Line(ink) => {
                let stroke = ink.stroke();
                format!(r#"<path d="M{} {y}H{}" {stroke} stroke-width="5" fill="none"/>"#, x - 20.0, x + 20.0)
            }
            Key::Dot => format!(r#"<circle cx="{x}" cy="{y}" r="8" {}/>"#, Ink::Train.fill()),
            Key::Ring => {
                let stroke = Ink::Validation.stroke();
                format!(r#"<circle cx="{x}" cy="{y}" r="13" {stroke} stroke-width="5" fill="none"/>"#)
            }
            Key::Below => {
                let stroke = Ink::SoFar.stroke();
                format!(r#"<circle cx="{x}" cy="{y}" r="8" {stroke} stroke-width="3" fill="none"/>"#)
            }
            Key::Cross => {
                let (left, right, top, low) = (x - 8.0, x + 8.0, y - 8.0, y + 8.0);
                let stroke = Ink::Validation.stroke();
                format!(
                    r#"<path d="M{left} {top}L{right} {low}M{left} {low}L{right} {top}" {stroke} stroke-width="3"/>"#
                )
            }
        }
    }
}

/// A chart, its heading and its caption.
pub(crate) struct Figure {
    /// Identifies it on the page: `model-1-loss`.
    pub id: String,
    /// The heading above it on a page.
    pub heading: String,
    /// Alternative text.
    pub title: String,
    pub description: String,
    /// The content of the SVG element, with placeholders instead of colours (see [`Ink`]).
    pub drawing: String,
    pub key: Vec<(Key, String)>,
    /// A note below the key.
    pub note: String,
}

impl Figure {
    /// An HTML element for a page with the report's style sheet.
    pub fn markup(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-description", self.id));
        html! {
            figure {
                h4 { (self.heading) }
                svg.chart viewBox={ "0 0 " (SIZE.0) " " (SIZE.1) } role="img" aria-labelledby={ (title) " " (description) } {
                    title id=(title) { (self.title) }
                    desc id=(description) { (self.description) }
                    (PreEscaped(Ink::as_variables(&self.drawing)))
                }
                figcaption {
                    @for (key, words) in &self.key { span class={ "key " (key.class()) } { (words) } }
                    (self.note)
                }
            }
        }
    }

    /// A standalone SVG file with its key at the foot. Its colours are those of the light theme, or of the dark theme
    /// in a browser that prefers it.
    pub fn svg(&self) -> String {
        const LINE: f64 = 46.0;
        let (width, top) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let height = top + LINE * self.key.len() as f64 + if self.key.is_empty() { 0.0 } else { 14.0 };
        let mut key = String::new();
        for (row, (sign, words)) in self.key.iter().enumerate() {
            let y = top + LINE * (row as f64 + 0.5);
            let words = html! { (words) }.into_string();
            let _ = write!(
                key,
                r#"{}<text x="86" y="{}" font-family="system-ui, sans-serif" font-size="30" {}>{words}</text>"#,
                sign.mark(48.0, y),
                y + 10.0,
                Ink::Text.fill(),
            );
        }
        let title = html! { title { (self.title) } desc { (self.description) } }.into_string();
        let paper = format!(r#"<rect width="{width}" height="{height}" {}/>"#, Ink::Paper.fill());
        let inside = Ink::as_colors(&format!("{paper}{}{key}", self.drawing));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{}\" height=\"{}\" \
             role=\"img\">\n{title}\n{}\n{inside}\n</svg>\n",
            width / 2.0,
            height / 2.0,
            Ink::style()
        )
    }
}

/// A figure of a report as a file: a chart as SVG, or weights as PNG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The file name, such as `network-loss.svg`.
    pub name: String,
    /// The bytes of the file.
    pub content: Vec<u8>,
}

impl Picture {
    /// A chart as an SVG file with this name.
    pub(crate) fn of(name: String, figure: &Figure) -> Self {
        Picture { name: format!("{name}.svg"), content: figure.svg().into_bytes() }
    }
}

/// Writes pictures to a folder, which is created if it does not exist. Other files in it are kept.
///
/// # Errors
/// A folder that cannot be written.
pub fn write_pictures(folder: &Path, pictures: &[Picture]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
    pictures
        .iter()
        .try_for_each(|picture| tercet::file::replace(&folder.join(&picture.name), &picture.content))
}

/// Text as part of a file name: `784-36-10, the lecture` becomes `784-36-10-the-lecture`, and a model file loses its
/// extension.
pub(crate) fn file_name(words: &str) -> String {
    let words = words.trim_end_matches(".safetensors");
    let plain: String =
        words.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_a_file_name_without_a_path() {
        assert_eq!(file_name("784-36-10, the lecture"), "784-36-10-the-lecture");
        assert_eq!(file_name("../a/Ä & b"), "a-Ä-b");
        assert_eq!(file_name("linear.safetensors"), "linear");
        assert_eq!(file_name("…"), "");
    }
}
