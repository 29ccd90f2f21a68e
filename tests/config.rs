//! The counterpart of gevent's test___config, for the settings that exist here, and of test__environ: the environment
//! is read. Each case runs in a process of its own.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "common/this_program.rs"]
mod this_program;

use std::env;
use std::process::ExitCode;
use std::thread;

use gevent::exceptions::HubError;
use gevent::hub::try_get_hub;
use gevent::{Exception, config, get_hub, sleep, spawn};

type TestResult = Result<(), Exception>;

struct Case {
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    child: fn() -> TestResult,
}

const CASES: [Case; 8] = [
    Case {
        name: "test_default",
        environment: &[],
        child: test_default,
    },
    Case {
        name: "test_env",
        environment: &[
            ("GEVENT_BACKEND", "select"),
            ("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", "0.5"),
        ],
        child: test_env,
    },
    Case {
        name: "test_set",
        environment: &[
            ("GEVENT_BACKEND", "select"),
            ("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", "-1"),
        ],
        child: test_set,
    },
    Case {
        name: "test_set_invalid",
        environment: &[],
        child: test_set_invalid,
    },
    Case {
        name: "test_env_invalid",
        environment: &[
            ("GEVENT_BACKEND", "no such backend"),
            ("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", "long"),
        ],
        child: test_env_invalid,
    },
    Case {
        name: "test_switch, on",
        environment: &[("GEVENT_TRACK_GREENLET_TREE", "Yes")],
        child: || test_switch(true),
    },
    Case {
        name: "test_switch, off",
        environment: &[("GEVENT_TRACK_GREENLET_TREE", "false")],
        child: || test_switch(false),
    },
    Case {
        name: "test_switch, invalid",
        environment: &[("GEVENT_TRACK_GREENLET_TREE", "perhaps")],
        child: || test_switch(true),
    },
];

/// Compares the idle timeout of the hub's thread pool, except for rounding.
fn idle_timeout_is(seconds: f64) -> bool {
    config::threadpool_idle_task_timeout().is_some_and(|found| (found - seconds).abs() < 1e-6)
}

fn test_default() -> TestResult {
    assert!(config::track_greenlet_tree());
    assert!(config::libev_backend()?.is_empty());
    assert!(idle_timeout_is(5.0));
    sleep(0.001)
}

fn test_env() -> TestResult {
    assert_eq!(get_hub().loop_().backend()?, "select");
    assert!(idle_timeout_is(0.5));
    // The setting holds in every thread.
    let backend = thread::spawn(|| get_hub().loop_().backend());
    assert_eq!(backend.join().expect("it does not panic")?, "select");
    sleep(0.001)
}

fn test_set() -> TestResult {
    assert_eq!(config::threadpool_idle_task_timeout(), None);
    config::set_threadpool_idle_task_timeout(7)?;
    assert!(idle_timeout_is(7.0));
    config::set_threadpool_idle_task_timeout(None)?;
    assert_eq!(config::threadpool_idle_task_timeout(), None);
    config::set_libev_backend("poll")?;
    assert_eq!(get_hub().loop_().backend()?, "poll");
    sleep(0.001)
}

fn test_set_invalid() -> TestResult {
    assert!(config::set_libev_backend("no such backend").is_err());
    assert!(config::set_threadpool_idle_task_timeout(f64::NAN).is_err());
    assert!(config::libev_backend()?.is_empty());
    sleep(0.001)
}

fn test_env_invalid() -> TestResult {
    assert!(config::libev_backend().is_err());
    // As in gevent, the setting is accepted, and making the hub fails.
    let error: HubError = try_get_hub().expect_err("with such a backend");
    assert!(error.to_string().contains("no such backend"), "{error}");
    assert!(sleep(0.001).unwrap_err().is::<HubError>());
    assert!(idle_timeout_is(5.0));
    Ok(())
}

/// A setting that is on or off, as the environment says.
fn test_switch(on: bool) -> TestResult {
    let knows = || spawn(|| ()).spawning_greenlet().is_some();
    assert_eq!((config::track_greenlet_tree(), knows()), (on, on));
    for on in [true, false, true] {
        config::set_track_greenlet_tree(on);
        assert_eq!((config::track_greenlet_tree(), knows()), (on, on));
    }
    sleep(0.001)
}

/// Makes this program be one of the cases.
const CASE: &str = "TEST_CONFIG_CASE";

fn main() -> ExitCode {
    if let Ok(name) = env::var(CASE) {
        let case = CASES.iter().find(|case| case.name == name);
        return match case.map(|case| (case.child)()) {
            Some(Ok(())) => ExitCode::SUCCESS,
            other => {
                eprintln!("{other:?}");
                ExitCode::FAILURE
            }
        };
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (options, wanted): (Vec<_>, Vec<_>) = arguments.iter().partition(|a| a.starts_with('-'));
    let list = options.iter().any(|option| *option == "--list");
    let mut failed = false;
    for case in &CASES {
        if !wanted.is_empty() && !wanted.iter().any(|part| case.name.contains(*part)) {
            continue;
        }
        if list {
            println!("{}: test", case.name);
            continue;
        }
        let status = this_program::command()
            .env_remove("GEVENT_BACKEND")
            .env_remove("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT")
            .env_remove("GEVENT_TRACK_GREENLET_TREE")
            .envs(case.environment.iter().copied())
            .env(CASE, case.name)
            .status();
        let ok = status.is_ok_and(|status| status.success());
        println!("test {} ... {}", case.name, if ok { "ok" } else { "FAILED" });
        failed |= !ok;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
