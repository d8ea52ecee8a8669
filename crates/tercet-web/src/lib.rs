//! The engine of the page: the library `tercet`, compiled to WebAssembly.
//!
//! ```text
//! page (TypeScript) ⇄ worker ⇄ Engine ⇄ tercet
//! ```
//!
//! Nothing is implemented twice: pictures are preprocessed, classified and explained, networks trained and
//! expressions differentiated by the code behind the program's commands, so the page gives the results of the
//! program.
//!
//! Each view of the page has a file. Requests and answers are JSON; their types are declared next to the
//! functions that use them, and again for TypeScript in `page/src/protocol.ts`. Pictures are base64.

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

/// Pixels for the page.
fn base64(pixels: &[u8]) -> String {
    STANDARD.encode(pixels)
}

/// Pixels from the page.
fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("invalid base64: {error}"))
}
