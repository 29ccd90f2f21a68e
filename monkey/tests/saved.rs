//! What is interposed is what `saved` lists.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use std::collections::BTreeSet;
use std::process::Command;

use gevent_monkey::{get_original, is_module_patched, is_object_patched, saved};

/// Those of the guards, and of gevent-threading: they never park.
const NO_CALLS: [&str; 13] = [
    "dl_iterate_phdr",
    "dlclose",
    "dlmopen",
    "dlopen",
    "exit",
    "flockfile",
    "ftrylockfile",
    "funlockfile",
    "pthread_getattr_np",
    "quick_exit",
    "sigaction",
    "signal",
    "sigset",
];
const BEGINS: [&str; 3] = ["pthread_mutex_", "pthread_rwlock_", "pthread_spin_"];
/// Other names of `sigaction` and `signal`.
const SIGNALS: [&str; 4] = ["__sigaction", "bsd_signal", "ssignal", "__sysv_signal"];

/// The functions that a file defines for others.
fn functions(file: &str) -> Option<BTreeSet<String>> {
    let listing = Command::new("nm")
        .args(["--dynamic", "--defined-only", file])
        .output()
        .ok()?;
    let text = String::from_utf8(listing.stdout).ok()?;
    let functions = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_function = matches!(words.next()?, "T" | "W" | "i");
        let name = words.next()?.split('@').next()?;
        is_function.then(|| name.to_owned())
    });
    Some(functions.collect())
}

/// The file of the C library.
fn c_library() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut files = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    files
        .find(|file| file.contains("/libc.so") || file.contains("/libc-2"))
        .unwrap()
        .to_owned()
}

#[test]
fn every_interposed_function_is_saved() {
    gevent_monkey::patch_all().unwrap();
    gevent_monkey::patch_disk().unwrap();
    let program = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let (Some(ours), Some(theirs)) = (functions(&program), functions(&c_library())) else {
        eprintln!("SKIPPED: there is no nm");
        return;
    };
    let is_call = |name: &&String| {
        let name = name.as_str();
        let begins = BEGINS.iter().any(|begin| name.starts_with(begin));
        !begins && !NO_CALLS.contains(&name) && !SIGNALS.contains(&name) && name != "sysv_signal"
    };
    let interposed: BTreeSet<_> = ours.intersection(&theirs).filter(is_call).cloned().collect();
    let saved: BTreeSet<_> = saved().map(|(_, name, _)| name.to_owned()).collect();
    assert!(interposed.contains("read"), "{interposed:?}");
    assert_eq!(interposed, saved);
}

#[test]
fn originals_are_those_of_the_c_library() {
    gevent_monkey::patch_all().unwrap();
    gevent_monkey::patch_disk().unwrap();
    for (module, name, function) in saved() {
        assert!(is_module_patched(module.name()) && is_object_patched(module.name(), name));
        let original = get_original(module.name(), name).map(|original| original as usize);
        assert_eq!(original, Some(function as usize));
        // SAFETY: a `Dl_info` is plain data; the pointers are those of a function, and of a variable.
        let file = unsafe {
            let mut info: libc::Dl_info = std::mem::zeroed();
            assert_ne!(
                libc::dladdr(function as *const libc::c_void, &raw mut info),
                0,
                "{name}"
            );
            std::ffi::CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned()
        };
        assert!(file.contains("libc"), "{name} is in {file}");
    }
}
