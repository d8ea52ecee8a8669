//! The page's engine: the library `tercet` behind a door of WebAssembly.
//!
//! ```text
//! page (TypeScript) ⇄ worker ⇄ Engine ⇄ tercet
//! ```
//!
//! Nothing is computed twice: a picture is prepared, scored and explained, a network trained and an expression
//! differentiated by the very code behind the program's commands. What the page shows therefore is what the program says.
//!
//! A file for each view of the page; what goes in and out is JSON, whose shapes stand beside the functions that read and
//! write them and again, for the compiler's sake, in `page/src/protocol.ts`. Pictures travel as base64.

pub mod convolution;
pub mod data;
pub mod draw;
pub mod engine;
pub mod exercise;
pub mod expression;
pub mod models;
pub mod plane;
pub mod training;
pub mod verdict;

pub use engine::Engine;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Pixels as the page gets them.
fn base64(pixels: &[u8]) -> String {
    STANDARD.encode(pixels)
}

/// Pixels as the page sends them.
fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("pixels that are no base64: {error}"))
}
