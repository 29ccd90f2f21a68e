//! A link that is added during a round of links is called in another one, if the event is still set after the first.

use gevent::event::Event;
use gevent::sleep;

use super::common::TestResult;

fn rounds(name: &str, event: &Event) -> TestResult {
    println!("{name}");
    for _ in 0..3 {
        event.set();
        sleep(0)?;
        sleep(0)?;
        println!("was set, linked: {}", event.linkcount());
    }
    Ok(())
}

fn renews_and_clears(event: &Event) {
    println!("called {}", event.is_set());
    event.rawlink(renews_and_clears);
    event.clear();
}

fn clears_and_renews(event: &Event) {
    println!("called {}", event.is_set());
    event.clear();
    event.rawlink(clears_and_renews);
}

fn adds_another(event: &Event) {
    println!("adds another {}", event.is_set());
    event.rawlink(|event| println!("another {}", event.is_set()));
}

fn clears(event: &Event) {
    println!("clears {}", event.is_set());
    event.clear();
}

fn clears_and_sets(event: &Event) {
    println!("clears and sets {}", event.is_set());
    event.clear();
    event.set();
}

pub(crate) fn main() -> TestResult {
    for (name, link) in [
        ("renews_and_clears", renews_and_clears as fn(&Event)),
        ("clears_and_renews", clears_and_renews),
    ] {
        let event = Event::new();
        event.rawlink(link);
        rounds(name, &event)?;
    }
    for (name, links) in [
        ("stays set", &[adds_another as fn(&Event)][..]),
        ("cleared by a later link", &[adds_another, clears]),
        ("cleared and set by a later link", &[adds_another, clears_and_sets]),
    ] {
        let event = Event::new();
        for link in links {
            event.rawlink(*link);
        }
        rounds(name, &event)?;
    }
    Ok(())
}
