//! Compiles client.c against our libev and the system's hiredis, or absent.c if hiredis is not installed.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=client.c");
    println!("cargo::rerun-if-changed=absent.c");
    println!("cargo::rustc-check-cfg=cfg(hiredis)");
    let mut c = cc::Build::new();
    // libev's macros access a watcher by its own type and as an `ev_watcher`.
    c.flag_if_supported("-fno-strict-aliasing");
    // By default cargo would link hiredis before our library, which needs it. The order must be the other way round.
    match pkg_config::Config::new().cargo_metadata(false).probe("hiredis") {
        Ok(hiredis) => {
            // Our ev.h must be found before any other.
            c.include(env::var("DEP_EV_INCLUDE").expect("libev-sys sets it"))
                .includes(hiredis.include_paths)
                .file("client.c")
                .compile("hiredis_client");
            for folder in hiredis.link_paths {
                println!("cargo::rustc-link-search=native={}", folder.display());
            }
            println!("cargo::rustc-link-lib=hiredis");
            println!("cargo::rustc-cfg=hiredis");
        }
        Err(_) => {
            c.file("absent.c").compile("hiredis_client");
            // This file never exists, so that hiredis is looked for each time, as it may have been installed meanwhile.
            println!("cargo::rerun-if-changed=absent");
        }
    }
}
