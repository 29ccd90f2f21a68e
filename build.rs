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

/// Compiles the C halves of the parity suites into a library that the tests link. Without the tests' sources there is
/// nothing to do.
#[cfg(feature = "c-parity")]
fn compile_c_parity() {
    let scenarios = c_sources("tests/c_parity");
    if scenarios.is_empty() {
        return;
    }
    write_scenario_table(&scenarios);
    cc::Build::new()
        .std("c11")
        .define("_GNU_SOURCE", None)
        .include(libev("INCLUDE"))
        .files(scenarios)
        .files(c_sources("tests/core_programs"))
        // libev's macros access a watcher by its own type and as an `ev_watcher`.
        .flag_if_supported("-fno-strict-aliasing")
        .compile("c_parity");
}

/// The C files of a folder, in order.
#[cfg(feature = "c-parity")]
fn c_sources(folder: &str) -> Vec<std::path::PathBuf> {
    println!("cargo::rerun-if-changed={folder}");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut sources: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    sources
}

/// Pairs each `SCENARIO (topic, name)` of the C files with the Rust function `topic::name`, so that a scenario is
/// registered by being there, and one half alone does not compile.
#[cfg(feature = "c-parity")]
fn write_scenario_table(sources: &[std::path::PathBuf]) {
    let mut declarations = String::new();
    let mut table = String::new();
    for source in sources {
        let text =
            std::fs::read_to_string(source).unwrap_or_else(|error| panic!("cannot read {}: {error}", source.display()));
        for line in text.lines() {
            let arguments = line.strip_prefix("SCENARIO (").and_then(|rest| rest.strip_suffix(')'));
            let Some((topic, name)) = arguments.and_then(|names| names.split_once(", ")) else {
                continue;
            };
            let c = format!("parity_{topic}_{name}");
            declarations += &format!("    safe fn {c}();\n");
            table +=
                &format!("    Scenario {{ topic: \"{topic}\", name: \"{name}\", c: {c}, rust: {topic}::{name} }},\n");
        }
    }
    let code = format!("unsafe extern \"C\" {{\n{declarations}}}\nstatic SCENARIOS: &[Scenario] = &[\n{table}];\n");
    let out_dir = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(std::path::Path::new(&out_dir).join("c_parity.rs"), code)
        .unwrap_or_else(|error| panic!("cannot write the table of scenarios: {error}"));
}

/// What libev-sys publishes for its dependants; its README lists the keys.
fn libev(key: &str) -> String {
    let name = format!("DEP_EV_{key}");
    env::var(&name).unwrap_or_else(|_| panic!("libev-sys did not set {name}"))
}
