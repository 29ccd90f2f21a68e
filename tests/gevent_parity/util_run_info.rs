//! The parts of the run info, and what leaves some of them out.

use gevent::util::{RunInfo, format_run_info, format_run_info_with, print_run_info_to};
use gevent::{Greenlet, sleep};

use super::common::TestResult;

fn show(what: &str, lines: &[String]) {
    let text = lines.join("\n");
    println!("{what}:");
    for head in ["* Threads", "* Greenlets", "---- Thread boundary"] {
        println!("  {head}: {}", text.matches(head).count());
    }
    println!("  current threads: {}", text.matches("(CURRENT)").count());
    println!("  elided: {}", text.contains("...stack elided..."));
    let running = text.contains("Running:");
    println!(
        "  running: {running}, by name: {}",
        running && text.contains("waits_in_here")
    );
    println!("  spawned: {}", text.matches("Spawned at:").count());
}

#[inline(never)]
fn waits_in_here() -> TestResult {
    let slept = sleep(100);
    std::hint::black_box(slept)
}

pub(crate) fn main() -> TestResult {
    show("at first", &format_run_info());
    let all = RunInfo::default();
    let g = Greenlet::builder().name("a name").spawn(waits_in_here);
    sleep(0)?;
    show("with a greenlet", &format_run_info());
    show(
        "without stacks of threads",
        &format_run_info_with(RunInfo {
            thread_stacks: false,
            ..all
        }),
    );
    let lines = format_run_info_with(RunInfo {
        greenlet_stacks: false,
        ..all
    });
    show("without stacks of greenlets", &lines);
    println!("named: {}", lines.concat().contains("a name"));
    let mut file = Vec::new();
    print_run_info_to(
        &mut file,
        RunInfo {
            greenlet_stacks: false,
            thread_stacks: false,
            limit: None,
        },
    )?;
    let text = String::from_utf8_lossy(&file);
    show("to a file", &text.lines().map(str::to_owned).collect::<Vec<_>>());
    g.kill()
}
