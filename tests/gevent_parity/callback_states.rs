//! A queued callback is pending until it is entered, and true until it has returned; it may be stopped.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::hub::core::Callback;
use gevent::{get_hub, sleep};

use super::common::TestResult;

fn show(when: &str, callback: &Callback) {
    println!("{when}: pending={} true={}", callback.pending(), callback.scheduled());
}

fn runs([a, b, c]: &[Callback; 3]) {
    show("running", a);
    b.stop();
    c.stop();
    c.stop();
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let callbacks: Rc<OnceCell<[Callback; 3]>> = Rc::default();

    let all = callbacks.clone();
    let a = loop_.run_callback(move || runs(all.get().expect("set before it runs")))?;
    let b = loop_.run_callback(|| println!("b is never printed"))?;
    show("queued", &a);
    let c = loop_.run_callback(|| println!("c is never printed"))?;
    let _d = loop_.run_callback(|| println!("d"))?;
    let [a, b, _] = callbacks.get_or_init(|| [a, b, c]);
    sleep(0)?;
    show("over", a);
    show("stopped", b);
    a.stop();
    show("stopped when it was over", a);
    Ok(())
}
