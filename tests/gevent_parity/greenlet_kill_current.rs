//! A greenlet kills the current greenlet, which it is itself; main and raw greenlets are no Greenlets.

use gevent::{AnyGreenlet, Exception, get_hub, getcurrent, joinall, kill, sleep, spawn, spawn_raw};

use super::common::{TestResult, ValueError, name, show};

fn is_greenlet() -> bool {
    AnyGreenlet::current().is_some()
}

fn worker() -> TestResult {
    let this = AnyGreenlet::current().expect("it is one");
    println!("{} is a greenlet: {}", this.name(), is_greenlet());
    let killed = this.kill();
    println!(
        "{} cleans up, current: {}",
        this.name(),
        AnyGreenlet::current() == Some(this)
    );
    killed?;
    println!("not reached");
    Ok(())
}

fn killed_later() -> Result<String, Exception> {
    kill(&getcurrent(), ValueError("later"))?;
    println!("goes on");
    match sleep(100) {
        Err(error) if error.is::<ValueError>() => println!("gets {}: {error}", name(&error)),
        slept => slept?,
    }
    let this = AnyGreenlet::current().expect("it is one");
    this.link(|g| println!("{} has ended, linked by itself", g.name()));
    Ok(this.name().to_string())
}

fn raw() {
    println!("raw: {}", is_greenlet());
}

pub(crate) fn main() -> TestResult {
    let (a, b) = (spawn(worker), spawn(killed_later));
    a.set_name("a");
    b.set_name("b");
    spawn_raw(raw)?;
    get_hub().loop_().run_callback(|| println!("hub: {}", is_greenlet()))?;
    joinall([a.any(), b.any()])?;
    sleep(0)?;
    println!("main: {}", is_greenlet());
    println!("{} {} {}", a.dead(), a.successful(), show(b.value()));
    Ok(())
}
