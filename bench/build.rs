//! Compiles the C programs that we are measured beside, against the libev that we use.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=c");
    cc::Build::new()
        .std("gnu11")
        // In a debug build, too: there only one side would be slow.
        .opt_level(2)
        .flag_if_supported("-fno-strict-aliasing")
        .include(env::var("DEP_EV_INCLUDE").expect("libev-sys sets it"))
        .files(["c/core.c", "c/echo.c"])
        .compile("bench_c");
}
