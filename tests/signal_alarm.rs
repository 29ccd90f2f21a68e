//! The counterpart of gevent's test__signal. Signals belong to the process, so this program has no other test.

use std::io;

use gevent::{Exception, signal_handler, sleep};

#[derive(Debug, thiserror::Error)]
#[error("TestSignal")]
struct Expected;

#[test]
fn test_alarm() -> Result<(), Exception> {
    let handler = signal_handler(libc::SIGALRM, || Err::<(), _>(Exception::from(Expected)))?;
    assert!(!handler.ref_() && handler.active());
    handler.set_ref(true)?;
    assert!(handler.ref_());
    handler.set_ref(false)?;
    // The handler stays, so the second signal arrives as the first.
    for _ in 0..2 {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::ALARM)
            .map_err(io::Error::from)?;
        let error = sleep(100).unwrap_err();
        assert!(error.is::<Expected>() && error.to_string() == "TestSignal", "{error:?}");
    }
    handler.cancel();
    assert!(!handler.active());
    // The greenlet that has reported the second error ends when it has its turn.
    sleep(0.001)
}
