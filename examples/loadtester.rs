//! Loads an HTTP server with many clients at once, until the time is over or Ctrl-C comes. Then prints a summary.

use std::io::{self, Write};
use std::{cell::RefCell, collections::BTreeMap, env, rc::Rc, time::Instant};

use gevent::{exceptions::KeyboardInterrupt, pool::Pool, prelude::*, socket::TcpStream};

type Seen = RefCell<(BTreeMap<String, usize>, Vec<f64>)>;

fn ask(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let reply = io::read_to_string(stream)?;
    Ok(reply.lines().next().unwrap_or_default().to_owned())
}

fn client(address: &str, seen: &Seen) -> Result<(), Exception> {
    loop {
        let start = Instant::now();
        let answer = ask(address).except(|error: &io::Error| {
            sleep(0.01)?;
            Ok(format!("failed: {error}"))
        })?;
        let (answers, times) = &mut *seen.borrow_mut();
        *answers.entry(answer).or_default() += 1;
        times.push(start.elapsed().as_secs_f64());
    }
}

fn run(address: &str, clients: usize, seconds: f64) -> Result<(), Exception> {
    let seen = Rc::new(Seen::default());
    let pool = Pool::new(clients);
    for (address, seen) in vec![(address.to_owned(), seen.clone()); clients] {
        pool.spawn(move || Timeout::new(seconds).silent(|| client(&address, &seen)).map(drop))?;
    }
    pool.join().map(drop).except(|_: &KeyboardInterrupt| {
        println!("interrupted");
        pool.kill()
    })?;
    let (answers, mut times) = seen.take();
    times.sort_by(f64::total_cmp);
    println!("{} answers", times.len());
    for (answer, count) in answers {
        println!("{count:8} {answer}");
    }
    for part in [50, 90, 99].iter().filter(|_| !times.is_empty()) {
        println!("{part} % within {:.1} ms", times[times.len() * part / 100] * 1000.0);
    }
    Ok(())
}

fn main() -> Result<(), Exception> {
    gevent::keyboard_interrupt()?;
    let arguments: Vec<_> = env::args().skip(1).collect();
    run(&arguments[0], arguments[1].parse()?, arguments[2].parse()?)
}
