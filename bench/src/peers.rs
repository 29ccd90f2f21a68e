//! Peers that are not Rust. Their programs are in the folder `peers`, and take part where Go or gevent is installed.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::process::installed;

fn source(file: &str) -> String {
    format!("{}/peers/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Builds `peers/NAME.go`, and returns the path of the program.
pub(crate) fn go(name: &str) -> Result<PathBuf> {
    if !installed("go", "version") {
        return Err("no program go (Debian: apt install golang-go)".into());
    }
    let program = std::env::current_exe()?.with_file_name(format!("peer-{name}-go"));
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program);
    let built = build.arg(source(&format!("{name}.go"))).status()?;
    if !built.success() {
        return Err(format!("{name}.go does not build").into());
    }
    Ok(program)
}

/// The command that runs `peers/NAME_gevent.py`.
pub(crate) fn gevent(name: &str) -> Result<Vec<String>> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut question = Command::new(&python);
    let found = question.args(["-c", "import gevent"]).output()?;
    if !found.status.success() {
        return Err(format!("{python} has none (pip install gevent)").into());
    }
    Ok(vec![python, source(&format!("{name}_gevent.py"))])
}
