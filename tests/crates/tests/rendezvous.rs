//! A hundred virtual threads wait in a server until all of them wait there: somebody who asks the server lets them go
//! only then. So none of the waits has kept another one from beginning.

use std::sync::mpsc::channel;
use std::thread;

use gevent_crates_tests::rendezvous::{ALL, Meeting};
use gevent_crates_tests::{Result, SOON, THREADS};

/// Has virtual threads meet.
fn meet(name: &str) -> Result {
    gevent_monkey::patch_all()?;
    let start = ALL.iter().find(|(its, _)| *its == name).ok_or("no such meeting")?.1;
    let Some(Meeting { wait, release, servers }) = start()? else {
        return Ok(());
    };
    let (done, is_done) = channel();
    thread::spawn(move || {
        let threads: Vec<_> = (0..THREADS)
            .map(|i| {
                let wait = wait.clone();
                gevent_threading::spawn(move || wait(i).map_err(|error| error.to_string()))
            })
            .collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"));
        let _ = done.send(ended.collect::<std::result::Result<Vec<_>, _>>());
    });
    release()?;
    let mut got = is_done.recv_timeout(SOON)??;
    got.sort_unstable();
    assert!(got.into_iter().eq(0..THREADS));
    drop(servers);
    Ok(())
}

#[test]
fn redis() -> Result {
    meet("redis")
}

#[cfg(feature = "all")]
#[test]
fn postgres() -> Result {
    meet("postgres")
}

#[cfg(feature = "all")]
#[test]
fn diesel() -> Result {
    meet("diesel")
}

#[cfg(feature = "all")]
#[test]
fn mysql() -> Result {
    meet("mysql")
}
