//! `tercet._core`: the Python bindings of the core library.
//!
//! A thin layer: arrays in, arrays out. The estimators are written in Python on top of it (`python/tercet`), and
//! the algorithms are in the core, so that Python, the program and the page give the same results.
//!
//! | module | subject |
//! |---|---|
//! | `arrays` | conversion from NumPy arrays, without copying, and back |
//! | `errors` | the core's errors as Python exceptions |
//! | `work` | long-running work without the GIL: threads, Ctrl-C, callbacks |
//! | `preprocessing` | the preprocessing of every row |
//! | `model` | a model and its file |
//! | `pairwise` | neighbours by distances with parameters |
//! | `training` | training of networks and linear classifiers |
//! | `full_batch` | loss and gradient of a whole training set, for L-BFGS |
//! | `distributed` | distributed training: partial gradients and the parameter server |
//! | `lecture` | loss and gradients of the lecture's network |

mod arrays;
mod distributed;
mod errors;
mod full_batch;
mod lecture;
mod model;
mod pairwise;
mod preprocessing;
mod training;
mod work;

use pyo3::prelude::*;

/// Weights that are aligned to cache lines are read faster.
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
    use crate::full_batch::FullBatch;
    #[pymodule_export]
    use crate::lecture::{loss_and_gradients, network, scores};
    #[pymodule_export]
    use crate::model::{Model, evaluate, fit_neighbors, from_state};
    #[pymodule_export]
    use crate::pairwise::PairwiseNeighbors;
    #[pymodule_export]
    use crate::preprocessing::Preprocessing;
    #[pymodule_export]
    use crate::training::{OptimizerState, solve, train, untrained};
    #[pymodule_export]
    use crate::work::clock;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
