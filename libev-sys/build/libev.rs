//! Finds libev, the vendored one or the system's, and its version and backends.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{compiler, env_var, fail, out_dir, rerun_if_changed};

const VERSION: &str = "4.33";

/// One libev to compile or link.
pub(crate) struct Libev {
    pub(crate) is_system: bool,
    /// Where `ev.h` is; may be empty when the compiler finds it by itself.
    pub(crate) include: Vec<PathBuf>,
    /// Where the library is, if not in the linker's usual places.
    lib_dir: Option<String>,
    /// Whether pkg-config has told cargo what to link.
    linked: bool,
}

/// The facts about libev that preprocessing `csrc/probe.c` tells.
pub(crate) struct Probe {
    pub(crate) version: String,
    pub(crate) backends: Vec<String>,
    header: Option<PathBuf>,
}

impl Libev {
    pub(crate) fn link(&self) {
        if self.is_system && !self.linked {
            if let Some(dir) = &self.lib_dir {
                println!("cargo::rustc-link-search=native={dir}");
            }
            println!("cargo::rustc-link-lib=ev");
        }
        // libev calls floor(), which is in libm. With musl it is in the C library, which Rust brings along, and the
        // libm that the linker would find is another C library's.
        if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("musl") {
            println!("cargo::rustc-link-lib=m");
        }
    }

    /// A folder with `ev.h` and no more of libev than that, so that no program includes its libevent emulation
    /// (`event.h`) by mistake.
    pub(crate) fn include_for_dependants(&self, probe: &Probe) -> String {
        let dir = if self.is_system {
            let found = probe.header.as_deref().and_then(Path::parent).map(Path::to_owned);
            found.or_else(|| self.include.first().cloned()).unwrap_or_default()
        } else {
            let dir = out_dir().join("include");
            let source = self.include.first().expect("a vendored libev has its folder");
            copy_headers(source, &dir)
                .unwrap_or_else(|error| fail(&format!("cannot copy ev.h to {}: {error}", dir.display())));
            dir
        };
        dir.display().to_string()
    }
}

fn copy_headers(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for name in ["ev.h", "ev++.h"] {
        let target = to.join(name);
        if fs::read(&target).ok() != Some(fs::read(from.join(name))?) {
            fs::copy(from.join(name), target)?;
        }
    }
    Ok(())
}

/// The source in `$LIBEV_SYS_SOURCE_DIR`, else in `vendor/`, fetched if need be.
pub(crate) fn vendored() -> Libev {
    let source = match env_var("LIBEV_SYS_SOURCE_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => vendor_folder(),
    };
    for name in ["ev.c", "ev.h"] {
        if !source.join(name).is_file() {
            fail(&format!(
                "{} has no {name}: it is not libev {VERSION}'s source",
                source.display()
            ));
        }
    }
    rerun_if_changed(&source.display().to_string());
    Libev {
        is_system: false,
        include: vec![source],
        lib_dir: None,
        linked: false,
    }
}

fn vendor_folder() -> PathBuf {
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let vendor = manifest_dir.join("vendor");
    let source = vendor.join(format!("libev-{VERSION}"));
    rerun_if_changed(&vendor.join("libev.pin").display().to_string());
    if !source.join("ev.c").is_file() {
        fetch(&vendor);
    }
    source
}

fn fetch(vendor: &Path) {
    env_var("LIBEV_TARBALL"); // The script reads it.
    let script = vendor.join("fetch");
    match Command::new("sh").arg(&script).status() {
        Ok(status) if status.success() => {}
        Ok(_) => fail("libev's source is not there and could not be fetched; the reason is above"),
        Err(error) => fail(&format!("cannot run {}: {error}", script.display())),
    }
}

/// The system's libev: from `$LIBEV_SYS_LIB_DIR` and `$LIBEV_SYS_INCLUDE_DIR`, else by pkg-config, else in the
/// compiler's usual places (Debian's libev-dev has no pkg-config file).
pub(crate) fn system() -> Libev {
    let lib_dir = env_var("LIBEV_SYS_LIB_DIR");
    let include_dir = env_var("LIBEV_SYS_INCLUDE_DIR");
    let mut libev = Libev {
        is_system: true,
        include: include_dir.into_iter().map(PathBuf::from).collect(),
        lib_dir,
        linked: false,
    };
    if libev.lib_dir.is_none() && libev.include.is_empty() {
        ask_pkg_config(&mut libev);
    }
    libev
}

#[cfg(feature = "system")]
fn ask_pkg_config(libev: &mut Libev) {
    for name in ["libev", "ev"] {
        if let Ok(found) = pkg_config::Config::new().atleast_version(VERSION).probe(name) {
            libev.include = found.include_paths;
            libev.linked = true;
            return;
        }
    }
}

#[cfg(not(feature = "system"))]
fn ask_pkg_config(_: &mut Libev) {}

pub(crate) fn probe(libev: &Libev) -> Probe {
    let text = compiler(libev)
        .cargo_metadata(false)
        .file("csrc/probe.c")
        .try_expand()
        .unwrap_or_else(|error| fail(&format!("csrc/probe.c could not be preprocessed: {error}")));
    parse_probe(&String::from_utf8_lossy(&text))
}

fn parse_probe(text: &str) -> Probe {
    let (markers, code): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    // `# 40 "/usr/include/ev.h" 1` is the preprocessor's way of saying where a line came from.
    let header = markers
        .iter()
        .filter_map(|marker| marker.split('"').nth(1))
        .find(|path| path.ends_with("/ev.h"))
        .map(PathBuf::from);
    // Lines may be broken where a macro was expanded, so this reads words.
    let code = code.join(" ");
    let words: Vec<&str> = code.split_whitespace().collect();
    let records = |name: &'static str| words.windows(3).filter(move |record| record[0] == name);
    let version = records("@version")
        .map(|record| format!("{}.{}", record[1], record[2]))
        .next();
    // If libev's own default decides, the value is an expression such as `((0x7f) & 32)`, which means on.
    let backends = records("@backend").filter(|record| record[2] != "0");
    Probe {
        version: version.unwrap_or_else(|| fail("csrc/probe.c does not tell libev's version")),
        backends: backends.map(|record| record[1].to_owned()).collect(),
        header,
    }
}
