//! `tercet._core`: the core library as Python sees it.
//!
//! A thin module: arrays in, arrays out. The estimators are written in Python on top of it (`python/tercet`),
//! and the algorithms are in the core, so that all doors give equal answers.
//!
//! | module | subject |
//! |---|---|
//! | `arrays` | features and labels where NumPy stores them, and arrays back |
//! | `errors` | the core's errors as Python's exceptions |
//! | `work` | long work without the interpreter's lock: threads, Ctrl-C, calls back |
//! | `preprocessing` | what is done to every row before the model sees it |
//! | `model` | a model and its file |
//! | `training` | networks and linear classifiers, trained |
//! | `distributed` | distributed training: partial gradients and the parameter server |
//! | `lecture` | loss and gradients of the lecture's network |

mod arrays;
mod distributed;
mod errors;
mod lecture;
mod model;
mod preprocessing;
mod training;
mod work;

use pyo3::prelude::*;

/// Weights that begin where a line of the cache does are read faster.
#[global_allocator]
static ALLOCATOR: tercet_kernels::allocator::CacheLineAligned = tercet_kernels::allocator::CacheLineAligned;

#[pymodule]
#[pyo3(name = "_core")]
mod core {
    #[pymodule_export]
    use crate::arrays::{load, looks_like_pixels, statistics};
    #[pymodule_export]
    use crate::distributed::{ParameterServer, Replica};
    #[pymodule_export]
    use crate::lecture::{loss_and_gradients, network, scores};
    #[pymodule_export]
    use crate::model::{Model, evaluate, fit_neighbors, from_state};
    #[pymodule_export]
    use crate::preprocessing::Preprocessing;
    #[pymodule_export]
    use crate::training::{OptimizerState, solve, train, untrained};
    #[pymodule_export]
    use crate::work::clock;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
