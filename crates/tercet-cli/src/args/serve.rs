//! Options of `tercet serve`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;

/// Options of `tercet serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Model files for POST /v1/predict, where a model is named by its file without the extension
    #[arg(value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    /// Address to listen on; with 0.0.0.0 other machines can connect, and need a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host)]
    pub host: IpAddr,
    /// Port to listen on [default: 8102, or any free port if that is taken]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Do not open the page in a browser
    #[arg(long)]
    pub no_open: bool,
    /// File with the token that requests must send [default: TERCET_TOKEN, or a random token if
    /// other machines can connect]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Time limit for a client to send a request, and to receive the answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 15,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub timeout: u64,
    /// Print the address as JSON
    #[arg(long)]
    pub json: bool,
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    text.parse().map_err(|_| "expected an address such as 127.0.0.1, ::1 or 0.0.0.0".to_owned())
}
