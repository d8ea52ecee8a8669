//! The machine and the commit of a measurement.

use std::path::Path;
use std::process::Command;

/// The name of the processor, or "unknown" if the system does not report it.
pub fn cpu() -> String {
    let name = if cfg!(target_os = "macos") {
        said(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]))
    } else {
        std::fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(model_name)
    };
    name.unwrap_or_else(|| "unknown".to_owned())
}

/// The first model name in Linux's description of the processors.
fn model_name(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The commit that is checked out in a folder, with a plus sign if files differ from it; "unknown" without git.
pub fn commit(repository: &Path) -> String {
    let git = |arguments: &[&str]| said(Command::new("git").args(arguments).current_dir(repository));
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    // The records themselves change during measurements.
    let changed =
        git(&["status", "--porcelain", "--", ".", ":!benchmarks/records"]).is_some_and(|s| !s.is_empty());
    if changed { commit + "+" } else { commit }
}

/// The output of a program, if it exists and succeeds.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_name_is_read_from_linuxs_description() {
        let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: other\n";
        assert_eq!(model_name(text).as_deref(), Some("Some CPU @ 2 GHz"));
        assert_eq!(model_name("processor\t: 0\n"), None);
    }
}
