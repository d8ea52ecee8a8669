//! The validation split, and the seed that decides it.

use clap::Args;

/// How examples are held out to choose settings by.
#[derive(Args, Clone)]
pub struct SplitArgs {
    /// How many training examples are held out for validation [default: one in twelve]
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,
}

/// Where every random choice comes from.
#[derive(Args, Clone)]
pub struct SeedArgs {
    /// The seed of every random choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}
