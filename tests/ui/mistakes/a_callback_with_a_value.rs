//! A callback of the loop ends with a call that returns something.
//!
//! Cure: drop it by `.map(drop)`

use gevent::event::Event;

fn main() {
    let event = Event::new();
    let timer = gevent::get_hub().loop_().timer(0.1).unwrap();
    timer.start(move || event.wait(0)).unwrap();
}
