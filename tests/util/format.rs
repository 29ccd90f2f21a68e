//! What is printed of threads, greenlets and their stacks: the counterpart of `TestFormat`.

use std::cell::Cell;
use std::io;

use gevent::local::Local;
use gevent::util::{
    Backtrace, Details, GreenletTree, RunInfo, format_run_info, format_run_info_with, print_run_info_to,
};
use gevent::{Exception, Greenlet, SpawnTreeLocals, getcurrent, sleep, spawn, spawn_raw};

use crate::support::{TestResult, bounded};

#[test]
fn test_basic() {
    let value = format_run_info().join("\n");
    assert!(value.contains("* Threads"), "{value}");
    assert!(value.contains("* Greenlets"), "{value}");
    assert!(value.contains("(CURRENT)"), "{value}");
    // Nobody has spawned anything here.
    assert!(!value.contains("Spawned at"), "{value}");
    assert!(!value.contains("Spawn Tree Locals"), "{value}");
    assert!(!value.contains("Greenlet Locals"), "{value}");
}

/// A value of a local.
struct MyLocal(#[allow(dead_code, reason = "it is only there")] u32);

#[test]
fn test_with_greenlet() -> TestResult {
    let _bounded = bounded();
    let printer = Greenlet::builder().name("Printer").spawn(|| {
        let local = Local::new(|| MyLocal(42));
        local.with(|_| ());
        // A local without a value.
        let empty = Local::new(|| Cell::new("not set"));
        SpawnTreeLocals::current().set("a value", 42);
        let text = spawn(|| {
            let mut text = Vec::new();
            print_run_info_to(&mut text, RunInfo::default())?;
            Ok::<_, Exception>(String::from_utf8_lossy(&text).into_owned())
        });
        let text = text.get()?;
        assert!(!empty.is_set());
        Ok::<_, Exception>(text)
    });
    let value = printer.get()?;
    assert!(value.contains("Spawned at:"), "{value}");
    assert!(value.contains(&file!().replace('\\', "/")), "{value}");
    assert!(value.contains("Parent: <Hub"), "{value}");
    assert!(value.contains("Spawn Tree Locals"), "{value}");
    assert!(value.contains("{\"a value\"}"), "{value}");
    assert!(value.contains("Greenlet Locals:"), "{value}");
    assert!(value.contains("MyLocal at 0x"), "{value}");
    assert!(!value.contains("Cell<&str>"), "{value}");
    assert!(value.contains("\"Printer\""), "{value}");
    assert!(value.contains("Waiting at:"), "{value}");
    assert!(value.contains("for Greenlet at 0x"), "{value}");
    assert!(value.contains("Age: "), "{value}");
    Ok(())
}

#[test]
fn test_less_is_printed_if_less_is_wanted() -> TestResult {
    let greenlet = spawn(|| sleep(100));
    sleep(0)?;
    let lines = |info| format_run_info_with(info);
    let all = RunInfo::default();
    let no_threads = lines(RunInfo {
        thread_stacks: false,
        ..all
    });
    let no_greenlets = lines(RunInfo {
        greenlet_stacks: false,
        ..all
    });
    let short = lines(RunInfo { limit: Some(1), ..all });
    let running = |lines: &[String]| lines.iter().filter(|line| line.contains("Running:")).count();
    assert!(running(&no_threads) > 1 && running(&short) > 1);
    assert_eq!(running(&no_greenlets), 0);
    let elided = |lines: &[String]| {
        let current = lines.iter().position(|line| line.contains("(CURRENT)"));
        current.is_some_and(|current| lines[current + 1].contains("stack elided"))
    };
    assert!(elided(&no_threads) && !elided(&no_greenlets));
    assert!(short.len() < lines(all).len());
    greenlet.kill()
}

#[inline(never)]
fn waits_in_here() -> TestResult {
    let slept = sleep(100);
    std::hint::black_box(&slept);
    slept
}

#[test]
fn test_a_parked_greenlets_backtrace_names_where_it_waits() -> TestResult {
    let greenlet = spawn(waits_in_here);
    assert!(Backtrace::of(greenlet.raw()).is_empty());
    sleep(0)?;
    let backtrace = Backtrace::of(greenlet.raw());
    let names: Vec<_> = backtrace
        .frames()
        .into_iter()
        .filter_map(|frame| frame.function)
        .collect();
    let place = |name| names.iter().position(|found| found.contains(name));
    assert!(
        place("sleep").is_some() && place("sleep") < place("waits_in_here"),
        "{names:#?}"
    );
    let tree = GreenletTree::current_tree().format(true);
    assert!(tree.contains("waits_in_here"), "{tree}");
    // The shown frames are fewer: none is of Rust's own library.
    let shown = backtrace.to_string();
    assert!(
        !shown.contains("/rustc/") && shown.lines().count() < names.len(),
        "{shown}"
    );
    // Addresses are all that is kept.
    assert_eq!(Backtrace::from(backtrace.addresses().to_vec()).to_string(), shown);
    greenlet.kill()?;
    assert!(Backtrace::of(greenlet.raw()).is_empty());
    Ok(())
}

#[test]
fn test_the_current_backtrace_begins_with_who_asks() {
    let backtrace = Backtrace::of(&getcurrent());
    let first = &backtrace.frames()[0];
    let name = first.function.as_deref().unwrap_or_default();
    assert!(
        name.contains("test_the_current_backtrace_begins_with_who_asks"),
        "{backtrace}"
    );
}

/// Greenlets that are asked about at any time go on as if nobody had asked.
#[test]
fn test_looking_changes_nothing() -> TestResult {
    let _bounded = bounded();
    let rounds = 50;
    let greenlets: Vec<_> = (0..20)
        .map(|i| {
            spawn(move || {
                let mut sum = 0;
                for round in 0..rounds {
                    sleep(0)?;
                    sum += round * i;
                }
                Ok::<_, Exception>(sum)
            })
        })
        .collect();
    let watcher = spawn_raw(move || {
        for _ in 0..rounds {
            assert!(format_run_info().len() > 20);
            sleep(0)?;
        }
        Ok::<_, Exception>(())
    })?;
    for (i, greenlet) in greenlets.iter().enumerate() {
        assert_eq!(greenlet.get()?, (0..rounds).sum::<usize>() * i);
    }
    while !watcher.dead() {
        sleep(0)?;
    }
    Ok(())
}

/// A writer that fails is told of, and a dump of nobody is possible, too.
#[test]
fn test_errors_of_the_file_are_returned() {
    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let failed = print_run_info_to(Full, RunInfo::default()).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
    let nothing = GreenletTree::current_tree().format_lines(Details {
        max_greenlets: 0,
        ..Details::default()
    });
    assert!(nothing.len() == 1 && nothing[0].starts_with(" ... and "), "{nothing:?}");
}
