//! Hands on what libev-sys says about its libev, and with feature `c-parity` compiles the C halves
//! of the parity suite against that libev.

use std::env;

/// Every backend that libev 4.33 has, by the names that libev-sys uses.
const BACKENDS: [&str; 8] = [
    "select", "poll", "epoll", "kqueue", "devpoll", "port", "linuxaio", "iouring",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    publish_version();
    publish_backends();
    #[cfg(feature = "c-parity")]
    compile_c_parity();
}

/// `env!("GEVENT_LIBEV_VERSION")` and `env!("GEVENT_LIBEV_SOURCE")`: `4.33`; `vendored` or `system`.
fn publish_version() {
    println!("cargo::rustc-env=GEVENT_LIBEV_VERSION={}", libev("VERSION"));
    println!("cargo::rustc-env=GEVENT_LIBEV_SOURCE={}", libev("SOURCE"));
}

/// `cfg(libev_backend = "epoll")` and so on: the backends compiled in. None with a system's libev,
/// which tells only when it runs.
fn publish_backends() {
    println!(
        "cargo::rustc-check-cfg=cfg(libev_backend, values(\"{}\"))",
        BACKENDS.join("\", \"")
    );
    let compiled_in = libev("BACKENDS");
    for backend in compiled_in.split(',').filter(|name| !name.is_empty()) {
        println!("cargo::rustc-cfg=libev_backend=\"{backend}\"");
    }
}

/// Compiles `tests/c_parity/*.c`, where there are any, into a library that the tests link.
#[cfg(feature = "c-parity")]
fn compile_c_parity() {
    const FOLDER: &str = "tests/c_parity";
    println!("cargo::rerun-if-changed={FOLDER}");
    let Ok(entries) = std::fs::read_dir(FOLDER) else {
        return;
    };
    let mut sources: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    if !sources.is_empty() {
        cc::Build::new()
            .include(libev("INCLUDE"))
            .files(sources)
            .warnings_into_errors(true)
            .compile("c_parity");
    }
}

/// What libev-sys publishes for its dependants; its README lists the keys.
fn libev(key: &str) -> String {
    let name = format!("DEP_EV_{key}");
    env::var(&name).unwrap_or_else(|_| panic!("libev-sys did not set {name}"))
}
