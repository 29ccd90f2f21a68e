//! Stacks: sizes, reuse, trimming, and how deep they were used.

use std::cell::Cell;
use std::rc::Rc;

use crate::common::TestResult;
use greenlet_core::{Exception, RawGreenlet, StackError, StackSize, Value, getcurrent, trim_stacks};

#[test]
fn test_stacks_are_reused_and_keep_their_size() -> TestResult {
    fn deep(n: usize) -> usize {
        let pad = std::hint::black_box([n; 64]);
        if n == 0 { 0 } else { deep(n - 1) + pad[0] - n + 1 }
    }
    for _ in 0..3 {
        let g = RawGreenlet::builder()
            .stack_size(4 << 20)
            .build(|_| Ok(Value::new(deep(2000))));
        assert_eq!(g.switch(())?.downcast::<usize>().unwrap(), 2000);
    }
    Ok(())
}

/// Touches at least `kib` KiB of stack; without optimisation, up to four times as much.
#[inline(never)]
fn touch(kib: usize) -> u8 {
    let frame = std::hint::black_box([1_u8; 1024]);
    if kib == 0 {
        frame[0]
    } else {
        touch(kib - 1) ^ frame[kib % 1024]
    }
}

#[test]
fn test_stack_usage_is_the_high_water_mark() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::builder().stack_size(StackSize::mib(2)).build(move |_| {
        main.switch(())?;
        std::hint::black_box(touch(300));
        main.switch(())
    });
    assert_eq!((g.stack_usage(), getcurrent().stack_usage()), (None, None));
    g.switch(())?;
    let before = g.stack_usage().expect("it has a stack");
    assert!(before < 64 * 1024, "{before}");
    g.switch(())?;
    let after = g.stack_usage().expect("it has a stack");
    if cfg!(feature = "asan") {
        // AddressSanitizer keeps the variables of frames elsewhere.
        return Ok(());
    }
    assert!((300 * 1024..=2048 * 1024).contains(&after), "{after}");
    g.switch(())?;
    assert_eq!(g.stack_usage(), None);
    Ok(())
}

#[test]
fn test_trimmed_stacks_lose_their_pages_and_work_again() -> TestResult {
    let main = getcurrent();
    let size = StackSize::kib(1040);
    let g = RawGreenlet::builder().stack_size(size).build(|_| {
        std::hint::black_box(touch(200));
        Ok(Value::None)
    });
    g.switch(())?;
    trim_stacks();
    let g = RawGreenlet::builder().stack_size(size).build(move |_| main.switch(()));
    g.switch(())?;
    assert!(g.stack_usage().expect("it has a stack") < 64 * 1024);
    Ok(())
}

#[test]
fn test_a_stack_is_trimmed_below_the_frames_in_use() -> TestResult {
    /// Has so many frames with contents, trims below each of them, and looks whether they are as they were.
    fn frames(left: u8) -> u64 {
        let mut frame = [left; 700];
        std::hint::black_box(&mut frame);
        std::hint::black_box(touch(8));
        getcurrent().trim_stack();
        let below = if left > 0 { frames(left - 1) } else { 0 };
        getcurrent().trim_stack();
        assert!(std::hint::black_box(&frame).iter().all(|byte| *byte == left));
        below + u64::from(frame[699])
    }
    let main = getcurrent();
    let g = RawGreenlet::builder().stack_size(StackSize::mib(1)).build(move |_| {
        std::hint::black_box(touch(300));
        getcurrent().trim_stack();
        main.switch(())?;
        let sum = frames(200);
        assert_eq!(sum, 200 * 201 / 2);
        getcurrent().trim_stack();
        main.switch(())
    });
    for _ in 0..2 {
        g.switch(())?;
        let usage = g.stack_usage().expect("it has a stack");
        // AddressSanitizer keeps the variables of frames elsewhere, and then it is not known where the frames end.
        assert!(cfg!(feature = "asan") || usage <= 32 * 1024, "{usage}");
    }
    g.switch(())?;
    // A dead greenlet has no stack, and that of a thread stays as it is.
    g.trim_stack();
    getcurrent().trim_stack();
    Ok(())
}

#[test]
fn test_parked_greenlets_are_trimmed_at_every_depth() -> TestResult {
    /// Parks twice at each of some depths, and tells where.
    fn parks(main: &RawGreenlet, at: &Cell<usize>, left: u8) -> Result<u64, Exception> {
        let mut frame = [left; 300];
        std::hint::black_box(&mut frame);
        std::hint::black_box(touch(40));
        at.set((&raw const frame).addr());
        main.switch(())?;
        let below = if left > 0 { parks(main, at, left - 1)? } else { 0 };
        at.set((&raw const frame).addr());
        main.switch(())?;
        assert!(std::hint::black_box(&frame).iter().all(|byte| *byte == left));
        Ok(below + u64::from(frame[299]))
    }
    let main = getcurrent();
    let all = (0..20).map(|depth| {
        let (main, first, at) = (main.clone(), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (its_first, its) = (first.clone(), at.clone());
        let g = RawGreenlet::new(move |_| {
            its_first.set((&raw const main).addr());
            Ok(Value::new(parks(&main, &its, depth)?))
        });
        (g, first, at)
    });
    let (mut left, mut sums) = (all.collect::<Vec<_>>(), Vec::new());
    while !left.is_empty() {
        left.retain(|(g, first, at)| {
            // One that has not begun, or is dead, has nothing to give back.
            g.trim_stack();
            let got = g.switch(()).expect("it does not fail");
            g.trim_stack();
            if g.dead() {
                sums.push(got.downcast::<u64>().expect("a sum"));
            } else if cfg!(not(feature = "asan")) {
                let (usage, depth) = (g.stack_usage().expect("it has a stack"), first.get() - at.get());
                assert!(usage < depth + 16 * 1024, "{usage} at {depth}");
            }
            !g.dead()
        });
    }
    sums.sort_unstable();
    assert_eq!(sums, (0..20).map(|n| n * (n + 1) / 2).collect::<Vec<u64>>());
    Ok(())
}

#[test]
fn test_deep_stacks_are_trimmed_in_the_long_run() -> TestResult {
    let size = StackSize::kib(2080);
    let deep = RawGreenlet::builder().stack_size(size).build(|_| {
        std::hint::black_box(touch(400));
        Ok(Value::None)
    });
    deep.switch(())?;
    for _ in 0..256 {
        let shallow = RawGreenlet::builder().stack_size(size).build(|_| Ok(Value::None));
        shallow.switch(())?;
    }
    let main = getcurrent();
    let g = RawGreenlet::builder().stack_size(size).build(move |_| main.switch(()));
    g.switch(())?;
    assert!(g.stack_usage().expect("it has a stack") < 64 * 1024);
    Ok(())
}

#[test]
fn test_more_idle_stacks_than_are_kept_warm() -> TestResult {
    let main = getcurrent();
    for _ in 0..2 {
        let all: Vec<_> = (0..1500)
            .map(|_| {
                let main = main.clone();
                RawGreenlet::new(move |_| main.switch(()))
            })
            .collect();
        all.iter().try_for_each(|g| g.switch(()).map(drop))?;
        all.iter().try_for_each(|g| g.switch(()).map(drop))?;
        assert!(all.iter().all(RawGreenlet::dead));
    }
    Ok(())
}

#[test]
fn test_smallest_stack_runs() -> TestResult {
    let g = RawGreenlet::builder().stack_size(1).build(|_| Ok(Value::Token(1)));
    assert!(matches!(g.switch(())?, Value::Token(1)));
    Ok(())
}

#[test]
fn test_every_size_is_a_stack_or_an_error() -> TestResult {
    for size in [0, 1, 4095, 4097, 12_345, 1 << 30] {
        let g = RawGreenlet::builder().stack_size(size).build(Ok);
        assert!(matches!(g.switch(Value::Token(1))?, Value::Token(1)));
    }
    let page = 4096;
    for size in [0, 1, page, 2 * page, 3 * page, usize::MAX / 2 + 1] {
        let g = RawGreenlet::builder().stack_size(usize::MAX - size).build(Ok);
        assert!(g.switch(()).unwrap_err().is::<StackError>() && !g.started());
    }
    Ok(())
}

/// Only a few large stacks are kept with their pages: a deep recursion on one does not stay in memory.
#[test]
#[cfg(target_os = "linux")]
fn test_large_stacks_are_trimmed_when_they_come_back() -> TestResult {
    let deep = |deep| {
        let (main, g) = (getcurrent(), RawGreenlet::builder().stack_size(StackSize::mib(256)));
        let g = g.build(move |_| {
            if deep {
                std::hint::black_box(touch(2_000));
            }
            main.switch(())
        });
        g.switch(())?;
        let usage = g.stack_usage();
        g.switch(())?;
        Ok::<_, Exception>(usage.expect("it had a stack"))
    };
    if cfg!(feature = "asan") {
        // AddressSanitizer keeps the variables of frames elsewhere.
        return Ok(());
    }
    assert!(deep(true)? > 2_000 * 1024);
    assert!(deep(false)? <= 64 * 1024);
    Ok(())
}

/// Counting its pages one by one would take minutes.
#[test]
fn test_a_stack_of_terabytes_ends_as_any_other() -> TestResult {
    let main = getcurrent();
    for bits in [34, 38, 42, 45] {
        let main = main.clone();
        let g = RawGreenlet::builder().stack_size(1_usize << bits).build(move |_| {
            std::hint::black_box(touch(300));
            main.switch(())
        });
        if let Err(error) = g.switch(()) {
            // The system may refuse a stack of that size.
            assert!(error.is::<StackError>(), "{error}");
            continue;
        }
        let usage = g.stack_usage().expect("it has a stack");
        if !cfg!(feature = "asan") {
            assert!((300 * 1024..=2048 * 1024).contains(&usage), "{usage}");
        }
        g.switch(())?;
        assert!(g.dead());
        trim_stacks();
    }
    Ok(())
}

#[test]
fn test_impossible_stack_is_an_error_and_the_greenlet_stays_unstarted() {
    for bytes in [usize::MAX, usize::MAX / 4096] {
        let g = RawGreenlet::builder().stack_size(bytes).build(|_| Ok(Value::None));
        let e: Exception = g.switch(()).unwrap_err();
        assert!(e.is::<StackError>(), "{e}");
        assert!(!g.started());
    }
}

#[test]
fn test_parent_that_gets_no_stack_dies_of_that() {
    let parent = RawGreenlet::builder().stack_size(usize::MAX).build(|_| Ok(Value::None));
    let child = RawGreenlet::builder().parent(&parent).build(|_| Ok(Value::None));
    assert!(child.switch(()).unwrap_err().is::<StackError>());
    assert!(child.dead() && parent.dead());
}

#[test]
fn test_stack_size_texts() {
    assert_eq!("4096".parse(), Ok(StackSize::bytes(4096)));
    assert_eq!(" 64 K ".parse(), Ok(StackSize::kib(64)));
    assert_eq!("2m".parse(), Ok(StackSize::mib(2)));
    for wrong in ["", "K", "-1", "1G", "1.5M", "99999999999999999999M"] {
        assert!(wrong.parse::<StackSize>().is_err(), "{wrong:?}");
    }
}
