//! Greenlets that use one connection: one reads and one writes, and one that is killed takes nothing along.

use std::io::{Read, Write};

use gevent::{Timeout, sleep, spawn};

use super::common::{TestResult, name};
use super::common_ssl::{End, connected, recv};

fn reads(end: &End, what: &str) -> TestResult {
    match recv(end, 100) {
        Ok(text) => println!("{what}: {text}"),
        Err(error) => {
            let exception = error.into();
            println!("{what}: {}", name(&exception));
            return Err(exception);
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (mut near, mut far) = connected()?;
    let reading = [(near.clone(), "client"), (far.clone(), "server")];
    let reading = reading.map(|(end, what)| spawn(move || reads(&end, what)));
    sleep(0)?;
    near.write_all(b"question")?;
    reading[1].join()?;
    far.write_all(b"answer")?;
    reading[0].join()?;

    let its = near.clone();
    let reading = spawn(move || reads(&its, "killed"));
    sleep(0)?;
    reading.kill()?;
    far.write_all(b"for another one")?;
    let its = near.clone();
    spawn(move || reads(&its, "another one")).join()?;

    Timeout::new(0.01).silent(|| {
        recv(&near, 100)?;
        println!("not printed");
        Ok(())
    })?;
    far.write_all(b"after a timeout")?;
    reads(&near, "client")?;

    let mut its = near.clone();
    let sending = spawn(move || Ok(its.write_all(&vec![b'x'; 10_000_000])?));
    sleep(0)?;
    far.write_all(b"meanwhile")?;
    reads(&near, "client")?;
    let (mut got, mut data) = (0, vec![0; 65536]);
    while got < 10_000_000 {
        got += far.read(&mut data)?;
    }
    sending.get()?;
    println!("server: {got} bytes");
    Ok(())
}
