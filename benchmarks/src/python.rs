//! The virtual environment of the peers in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Prefixes of environment variables that change how the libraries of the peers compute. Some would slow them down (an
/// empty `OPENBLAS_CORETYPE` makes FAISS nearly three times slower), so they are not passed on to the peers.
const KEPT_FROM_PEERS: [&str; 13] = [
    "OPENBLAS", "OMP_", "GOMP_", "KMP_", "MKL_", "BLIS_", "PYTHON", "SKLEARN", "TORCH", "ATEN_", "DNNL_",
    "JAX_", "XLA_",
];

/// A Python with the peers' packages.
#[derive(Debug)]
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// The environment in `folder` with the packages that `requirements` lists. The Python `with` creates it if it is
    /// missing or was created from another list.
    ///
    /// # Errors
    /// No Python, and packages that cannot be installed.
    pub fn set_up(folder: &Path, requirements: &Path, with: &str) -> Result<Self> {
        let wanted = std::fs::read_to_string(requirements)
            .with_context(|| format!("cannot read {}", requirements.display()))?;
        let program =
            if cfg!(windows) { folder.join("Scripts/python.exe") } else { folder.join("bin/python") };
        // Written last, so that an interrupted installation is repeated.
        let installed = folder.join("installed.txt");
        if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) && program.exists()
        {
            return Ok(Python { program });
        }
        eprintln!("installing the peers that {} lists, once", requirements.display());
        let hint = || {
            format!(
                "cannot make a virtual environment with `{with}`: install Python 3.11 or newer with its module \
                 venv, name another one with --python, or measure without peers: --peers none"
            )
        };
        let mut venv = Command::new(with);
        venv.args(["-m", "venv", "--clear"]).arg(folder);
        succeed(&mut venv).with_context(hint)?;
        let mut pip = Command::new(&program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(requirements);
        succeed(&mut pip)
            .with_context(|| format!("cannot install the packages that {} lists", requirements.display()))?;
        std::fs::write(&installed, wanted)
            .with_context(|| format!("cannot write {}", installed.display()))?;
        Ok(Python { program })
    }

    /// A command that runs a script with a number of threads, without the caller's environment variables that change
    /// computations.
    pub fn script(&self, script: &Path, threads: usize) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if KEPT_FROM_PEERS.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                command.env_remove(name);
            }
        }
        for library in ["OMP", "OPENBLAS", "MKL"] {
            command.env(format!("{library}_NUM_THREADS"), threads.to_string());
        }
        // The scripts import a shared module, whose bytecode must not be written to the repository.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.arg(script);
        command
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    // Standard output is for results.
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "it failed ({})", output.status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_was_made_from_the_same_list_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let (environment, requirements) = (folder.path().join("python"), folder.path().join("list.txt"));
        let place = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        std::fs::create_dir_all(environment.join(place).parent().unwrap()).unwrap();
        std::fs::write(environment.join(place), "").unwrap();
        std::fs::write(&requirements, "a==1\n").unwrap();
        std::fs::write(environment.join("installed.txt"), "a==1\n").unwrap();
        let python = Python::set_up(&environment, &requirements, "no-such-python").unwrap();
        assert_eq!(python.program, environment.join(place));

        std::fs::write(&requirements, "a==2\n").unwrap();
        let error = Python::set_up(&environment, &requirements, "no-such-python").unwrap_err().to_string();
        assert!(error.contains("no-such-python") && error.contains("--peers none"), "{error}");
    }

    #[test]
    fn threads_are_set_for_every_library() {
        let command = Python { program: "python".into() }.script(Path::new("a.py"), 2);
        let set: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            assert!(set.iter().any(|&(n, value)| n == name && value == "2"), "{name}");
        }
    }
}
