//! A selector returns what has come, in its order, also what has come while nobody asked.

use gevent::selectors::{EVENT_READ, EVENT_WRITE, GeventSelector};
use gevent::socket::{Socket, socketpair};
use gevent::{sleep, spawn};

use super::common::TestResult;

fn show(s: &GeventSelector<&str>, timeout: Option<f64>) -> TestResult {
    let ready = s.select_timeout(timeout)?;
    let all: Vec<_> = ready
        .iter()
        .map(|(key, events)| format!("{}:{}", key.data, events.bits()))
        .collect();
    match all.is_empty() {
        true => println!("nothing"),
        false => println!("{}", all.join(" ")),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let pairs: Vec<(Socket, Socket)> = (0..4).map(|_| socketpair()).collect::<Result<_, _>>()?;
    let s = GeventSelector::new();
    for (n, (here, _)) in ["0", "1", "2", "3"].into_iter().zip(&pairs) {
        s.register(here, EVENT_READ, n)?;
    }
    let send = |which: &[usize]| which.iter().try_for_each(|n| pairs[*n].1.send(b"x").map(drop));
    let empty = |which: &[usize]| which.iter().try_for_each(|n| pairs[*n].0.recv(1).map(drop));

    show(&s, Some(0.0))?;
    show(&s, Some(-1.0))?;
    show(&s, Some(0.001))?;
    send(&[2])?;
    show(&s, None)?;
    show(&s, None)?;
    empty(&[2])?;
    show(&s, Some(0.0))?;
    for order in [&[0, 3, 1][..], &[2, 1]] {
        for n in order {
            send(&[*n])?;
            sleep(0.001)?;
        }
        show(&s, None)?;
        empty(order)?;
        show(&s, Some(0.0))?;
    }

    let its = s.clone();
    let g = spawn(move || show(&its, None));
    sleep(0)?;
    send(&[1, 3, 0])?;
    g.join()?;
    empty(&[1, 3, 0])?;
    show(&s, Some(0.0))?;

    s.modify(&pairs[2].0, EVENT_READ | EVENT_WRITE, "two")?;
    show(&s, None)?;
    send(&[2])?;
    show(&s, None)?;
    show(&s, None)?;
    s.modify(&pairs[2].0, EVENT_WRITE, "two")?;
    show(&s, None)?;
    s.modify(&pairs[2].0, EVENT_READ, "two")?;
    show(&s, None)?;
    empty(&[2])?;
    send(&[0])?;
    sleep(0.001)?;
    s.unregister(&pairs[0].0)?;
    show(&s, Some(0.0))?;
    s.register(&pairs[0].0, EVENT_READ, "again")?;
    show(&s, None)?;
    let other = spawn(|| println!("other"));
    show(&s, None)?;
    println!("{}", other.ready());
    s.close();
    Ok(())
}
