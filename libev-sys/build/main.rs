//! Compiles libev and its shim, or links the system's libev and compiles the shim alone, and tells dependants
//! about it. Every environment variable read here is described in README.md.

#[cfg(feature = "bindgen")]
mod bindings;
mod libev;

use std::env;
use std::path::PathBuf;
use std::process::exit;

use libev::Libev;

fn main() {
    rerun_if_changed("build");
    rerun_if_changed("csrc");

    let libev = if env::var_os("CARGO_FEATURE_SYSTEM").is_some() {
        libev::system()
    } else {
        libev::vendored()
    };
    require_compiler();
    compile_shim(&libev);
    libev.link();
    #[cfg(feature = "bindgen")]
    bindings::generate(&libev);
    publish_metadata(&libev);
}

/// A compiler set up as libev, the shim and the probe need it.
fn compiler(libev: &Libev) -> cc::Build {
    let mut build = cc::Build::new();
    // Warnings are for developers of this C code, not for users who build this crate.
    build.warnings(false).extra_warnings(false).flag_if_supported("-w");
    // Nobody steps through libev, and a debug build of the program should not get a slow loop from it.
    build.opt_level(2);
    // A watcher is accessed both by its own type and as an `ev_watcher`.
    build.flag_if_supported("-fno-strict-aliasing");
    // Greenlets call libev on small stacks. No frame of libev's may step over the guard below a stack, and so
    // into another greenlet's.
    build.flag_if_supported("-fstack-clash-protection");
    build.include("csrc").includes(&libev.include);
    if libev.is_system {
        build.define("LIBEV_SYS_SYSTEM", None);
    }
    if !assertions_wanted() {
        build.define("NDEBUG", None);
    }
    if let Some(level) = env_var("LIBEV_SYS_VERIFY") {
        build.define("EV_VERIFY", &*level);
    }
    build
}

/// Whether libev's assertions are on. They are for debugging libev, or the use of the raw functions. One of
/// them fires when a watched descriptor is closed elsewhere, which no wrapper can prevent; without it libev
/// reports that as an event. So they are off, in debug builds too, as in distributions' builds.
fn assertions_wanted() -> bool {
    match env_var("LIBEV_SYS_ASSERTIONS").as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(other) => fail(&format!("LIBEV_SYS_ASSERTIONS={other}: it is 0 or 1")),
    }
}

fn require_compiler() {
    let source = out_dir().join("compiler_works.c");
    std::fs::write(&source, "int libev_sys_compiler_works;\n")
        .unwrap_or_else(|error| fail(&format!("cannot write {}: {error}", source.display())));
    let attempt = cc::Build::new()
        .cargo_metadata(false)
        .file(&source)
        .try_compile("compiler_works");
    if let Err(error) = attempt {
        fail(&format!(
            "libev is C, and no working C compiler was found for {}.\n\
             Install one (package `gcc` or `clang`; `build-essential` on Debian), or set CC to it.\n\
             What was tried: {error}",
            env::var("TARGET").unwrap_or_default(),
        ));
    }
}

fn compile_shim(libev: &Libev) {
    let attempt = compiler(libev)
        .file("csrc/shim.c")
        .file("csrc/layout.c")
        .try_compile("ev_shim");
    if let Err(error) = attempt {
        let hint = if libev.is_system {
            "The feature `system` needs libev 4.33 and its headers (package `libev-dev` on Debian, `libev-devel` \
             on Fedora); LIBEV_SYS_INCLUDE_DIR and LIBEV_SYS_LIB_DIR say where they are if not in the usual places."
        } else {
            "See the compiler's messages above."
        };
        fail(&format!("libev could not be compiled: {error}\n{hint}"));
    }
}

/// Tells dependants about libev: crates that depend on `libev-sys` see these values as `DEP_EV_<KEY>` in their build
/// script.
fn publish_metadata(libev: &Libev) {
    let probe = libev::probe(libev);
    let metadata = |key: &str, value: &str| println!("cargo::metadata={key}={value}");
    metadata("include", &libev.include_for_dependants(&probe));
    metadata("version", &probe.version);
    metadata("backends", &probe.backends.join(","));
    metadata("source", if libev.is_system { "system" } else { "vendored" });
    metadata("defines", "");
}

fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"))
}

/// The value of an environment variable; this crate is built again when it changes.
fn env_var(name: &str) -> Option<String> {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn rerun_if_changed(path: &str) {
    println!("cargo::rerun-if-changed={path}");
}

/// Ends the build with a message instead of a panic's backtrace.
fn fail(message: &str) -> ! {
    eprintln!("\nerror: libev-sys: {message}\n");
    exit(1)
}
