//! The validation split, and the seed that decides it.

use clap::Args;

/// The validation split.
#[derive(Args, Clone)]
pub struct SplitArgs {
    /// Number of training examples held out for validation [default: the validation
    /// set of the data, such as the folder `val`, or one in twelve]
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,
}

/// The seed.
#[derive(Args, Clone)]
pub struct SeedArgs {
    /// Seed of all random numbers
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}
