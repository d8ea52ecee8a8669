//! `tercet serve`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;

/// What `tercet serve` understands.
#[derive(Args)]
pub struct ServeArgs {
    /// Model files that POST /v1/predict asks, each by the name of its file without the extension
    #[arg(value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    /// The address to listen on: 0.0.0.0 lets other machines connect, which then need a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host)]
    pub host: IpAddr,
    /// The port to listen on [default: 8102, or any free one where that is taken]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Do not open the page in a browser
    #[arg(long)]
    pub no_open: bool,
    /// A file with the token that requests must have; otherwise TERCET_TOKEN, or a new one where other machines can connect
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How long a client may take to send a request, or to take an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub patience: u64,
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "expected an address such as 127.0.0.1, ::1 or 0.0.0.0".to_owned())
}
