//! Where there are no virtual threads, making one is refused, and nothing is lost.

use std::io::ErrorKind;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use gevent_threading::{Builder, Unsupported, park_timeout, sleep, spawn, supported, yield_now};

/// Whether they are made for this platform. They may be refused all the same.
const MADE_FOR_THIS: bool = cfg!(virtual_threads);

#[test]
fn the_reason_is_told() {
    let Err(reason) = supported() else {
        assert_eq!(spawn(|| 1).join().ok(), Some(1));
        return;
    };
    eprintln!("no virtual threads: {reason}");
    let is_static = cfg!(static_c_library);
    let general = matches!(reason, Unsupported::Platform | Unsupported::Static);
    assert_eq!(general, !MADE_FOR_THIS, "{reason}");
    assert_eq!(reason == Unsupported::Static, is_static, "{reason}");
    // It stays so, in each thread.
    assert_eq!(supported(), Err(reason));
    assert_eq!(std::thread::spawn(supported).join().ok(), Some(Err(reason)));
    let owned = Arc::new(());
    let its = owned.clone();
    let error = Builder::new().spawn(move || drop(its)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<Unsupported>());
    assert_eq!(inner, Some(&reason));
    assert_eq!(Arc::strong_count(&owned), 1);
    catch_unwind(|| spawn(|| ())).map(drop).unwrap_err();
}

#[test]
fn waits_of_real_threads_work() {
    yield_now();
    sleep(Duration::from_millis(1));
    park_timeout(Duration::from_millis(1));
}

/// A library that is loaded before the C library says that the kernel does not let programs change their thread
/// pointer. Other processors let every program.
#[test]
#[cfg(all(virtual_threads, target_arch = "x86_64"))]
fn it_is_refused_where_the_thread_pointer_cannot_be_changed() {
    const SOURCE: &str = "
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <sys/auxv.h>
        unsigned long getauxval(unsigned long type) {
            unsigned long (*real)(unsigned long) = dlsym(RTLD_NEXT, \"getauxval\");
            return type == AT_HWCAP2 ? real(type) & ~2ul : real(type);
        }
    ";
    const REFUSED: &str = "(FSGSBASE)";
    let folder = std::env::temp_dir().join(format!("no-fsgsbase-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("it can be made");
    let (source, library) = (folder.join("getauxval.c"), folder.join("getauxval.so"));
    std::fs::write(&source, SOURCE).expect("it can be written");
    let compiled = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    let Ok(compiled) = compiled else {
        eprintln!("SKIPPED: there is no C compiler");
        return;
    };
    assert!(compiled.success());
    let program = std::env::current_exe().expect("it runs");
    let output = std::process::Command::new(program)
        .args(["--exact", "the_reason_is_told", "--nocapture"])
        .env("LD_PRELOAD", &library)
        .output()
        .expect("it starts");
    std::fs::remove_dir_all(&folder).expect("it is there");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("not found (required by") {
        eprintln!("SKIPPED: this compiler is for another version of the C library");
        return;
    }
    assert!(output.status.success() && said.contains(REFUSED), "{said}");
}
