//! Compiles the C programs that gevent for Rust is compared with, against the same libev.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=c");
    cc::Build::new()
        .std("gnu11")
        // The C programs are optimised in a debug build, too.
        .opt_level(2)
        .flag_if_supported("-fno-strict-aliasing")
        .include(env::var("DEP_EV_INCLUDE").expect("libev-sys sets it"))
        .files(["c/core.c", "c/echo.c"])
        .compile("bench_c");
}
