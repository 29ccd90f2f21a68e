//! The counterpart of gevent's test___config, for the settings that exist here, and of test__environ: the environment
//! is read. Tests of test___monitor that change settings are here, too. Each case runs in a process of its own.

#[allow(dead_code, reason = "shared with other tests")]
#[path = "common/this_program.rs"]
mod this_program;

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;

use gevent::events::{
    self, MemoryUsageThresholdExceeded, MemoryUsageUnderThreshold, PeriodicMonitorThreadStartedEvent,
};
use gevent::exceptions::HubError;
use gevent::hub::try_get_hub;
use gevent::{Exception, config, get_hub, sleep, spawn};

type TestResult = Result<(), Exception>;

struct Case {
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    child: fn() -> TestResult,
}

const CASES: [Case; 13] = [
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
    Case {
        name: "test_monitor_default",
        environment: &[],
        child: test_monitor_default,
    },
    Case {
        name: "test_monitor_env",
        environment: &[
            ("GEVENT_MONITOR_THREAD_ENABLE", "Yes"),
            ("GEVENT_MAX_BLOCKING_TIME", "0.5"),
            ("GEVENT_MONITOR_PRINT_BLOCKING_REPORTS", "off"),
            ("GEVENT_MONITOR_MEMORY_PERIOD", "7"),
            ("GEVENT_MONITOR_MEMORY_MAX", "2 GB"),
            ("GEVENT_MONITOR_SIGNAL", "40"),
        ],
        child: test_monitor_env,
    },
    Case {
        name: "test_monitor_env_invalid",
        environment: &[
            ("GEVENT_MONITOR_THREAD_ENABLE", "perhaps"),
            ("GEVENT_MAX_BLOCKING_TIME", "nan"),
            ("GEVENT_MONITOR_MEMORY_MAX", "much"),
        ],
        child: test_monitor_default,
    },
    Case {
        name: "test_calculate_sleep_time",
        environment: &[],
        child: test_calculate_sleep_time,
    },
    Case {
        name: "test_monitor_greater",
        environment: &[],
        child: test_monitor_greater,
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

fn test_monitor_default() -> TestResult {
    assert!(!config::monitor_thread());
    assert!(is(config::max_blocking_time(), 0.1));
    assert!(config::print_blocking_reports());
    assert!(is(config::memory_monitor_period(), 5.0));
    assert_eq!((config::max_memory_usage(), config::monitor_signal()), (None, None));
    sleep(0.001)?;
    assert_eq!(get_hub().periodic_monitoring_thread(), None);
    Ok(())
}

fn test_monitor_env() -> TestResult {
    assert!(config::monitor_thread());
    assert!(is(config::max_blocking_time(), 0.5));
    assert!(!config::print_blocking_reports());
    assert!(is(config::memory_monitor_period(), 7.0));
    assert_eq!(config::max_memory_usage(), Some(2 << 30));
    assert_eq!(config::monitor_signal(), Some(40));

    // The thread is started when the hub first runs, and not before.
    let started = Arc::new(Mutex::new(Vec::new()));
    let noted = started.clone();
    let note = move |event: &mut PeriodicMonitorThreadStartedEvent| {
        noted.lock().expect("nothing panics").push(event.monitor.clone());
    };
    events::subscribe(note).forever();
    let hub = get_hub();
    assert_eq!(hub.periodic_monitoring_thread(), None);
    sleep(0.001)?;
    let monitor = hub.periodic_monitoring_thread().expect("it is started");
    assert_eq!(*started.lock().expect("nothing panics"), std::slice::from_ref(&monitor));
    // The first thread's hub has the memory looked at, too.
    let periods: Vec<_> = monitor
        .monitoring_functions()
        .iter()
        .map(|entry| entry.period())
        .collect();
    assert!(
        matches!(*periods, [blocking, memory] if is(blocking, 0.5) && is(memory, 7.0)),
        "{periods:?}"
    );
    assert!(is(monitor.calculate_sleep_time(), 0.5));
    // A thread's own hub has a thread of its own.
    let other = thread::spawn(|| {
        sleep(0.001)?;
        Ok::<_, Exception>(get_hub().periodic_monitoring_thread())
    });
    let other = other.join().expect("it does not panic")?.expect("it is started");
    assert!(other != monitor && !other.should_run() && other.monitoring_functions().len() == 1);
    Ok(())
}

fn test_calculate_sleep_time() -> TestResult {
    config::set_max_blocking_time(10)?;
    let monitor = get_hub().start_periodic_monitoring_thread()?;
    assert!(is(monitor.monitoring_functions()[0].period(), 10.0));
    // The memory's is shorter.
    assert!(is(monitor.calculate_sleep_time(), 5.0));
    config::set_max_blocking_time(1)?;
    assert!(is(monitor.calculate_sleep_time(), 1.0));
    config::set_max_blocking_time(1e-9)?;
    assert!(is(monitor.calculate_sleep_time(), 0.005));
    // None, zero and less mean that nobody looks for blocked loops.
    for never in [Some(0.0), Some(-1.0), None] {
        config::set_max_blocking_time(never)?;
        assert!(is(monitor.calculate_sleep_time(), 5.0));
    }
    let other = thread::spawn(|| Ok::<_, Exception>(get_hub().start_periodic_monitoring_thread()?));
    let other = other.join().expect("it does not panic")?;
    // Nothing is to be done at all.
    assert!(is(other.calculate_sleep_time(), 2.0));
    assert!(config::set_max_blocking_time(f64::NAN).is_err());
    assert!(config::set_memory_monitor_period(f64::NAN).is_err());
    Ok(())
}

fn test_monitor_greater() -> TestResult {
    let monitor = get_hub().start_periodic_monitoring_thread()?;
    monitor.kill();
    let noted = Arc::new(Mutex::new(Vec::new()));
    let note = noted.clone();
    let over = move |event: &mut MemoryUsageThresholdExceeded| {
        let usual = event.mem_usage > event.max_allowed && event.mem_usage == event.memory_info.rss;
        note.lock().expect("nothing panics").push(usual.then_some("over"));
    };
    events::subscribe(over).forever();
    let note = noted.clone();
    let under = move |event: &mut MemoryUsageUnderThreshold| {
        let usual = event.mem_usage < event.max_allowed && event.max_memory_usage > 0;
        note.lock().expect("nothing panics").push(usual.then_some("under"));
    };
    events::subscribe(under).forever();
    let told = || std::mem::take(&mut *noted.lock().expect("nothing panics"));

    // Without a limit, nobody looks.
    monitor.monitor_memory_usage();
    assert_eq!(told(), []);
    config::set_max_memory_usage(1);
    monitor.monitor_memory_usage();
    assert_eq!(told(), [Some("over")]);
    // It grows.
    let grown = std::hint::black_box(vec![1_u8; 64 << 20]);
    monitor.monitor_memory_usage();
    assert_eq!(told(), [Some("over")]);
    drop(grown);
    config::set_max_memory_usage(1 << 60);
    monitor.monitor_memory_usage();
    monitor.monitor_memory_usage();
    assert_eq!(told(), [Some("under")]);
    Ok(())
}

/// Whether two times are the same, except for rounding.
fn is(found: f64, seconds: f64) -> bool {
    (found - seconds).abs() < 1e-12
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
