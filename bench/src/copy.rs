//! `copy`: forwards a lot of data from one socket to another, by `gevent::socket::copy_bidirectional` and `copy`, by
//! hand with buffers of several sizes, by std's `copy`, and by tokio's `copy_bidirectional`.
//!
//! The figure is the CPU time of the thread that forwards. The other ends are threads that block.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::thread;

use gevent::socket::{TcpStream, copy, copy_bidirectional};
use socket2::{Domain, Socket, Type};

use crate::Result;
use crate::stats::{median, median_ratio};

const USAGE: &str = "\
usage: copy [--rounds N] [--megabytes N] [--block N]

  --rounds N     how often everything is measured (default 7)
  --megabytes N  how much is forwarded each time (default 500)
  --block N      how many bytes the source sends at a time (default 65536)";

struct Options {
    rounds: usize,
    megabytes: usize,
    block: usize,
}

type Forward = fn(OwnedFd, OwnedFd) -> Result;

/// The ways to forward; the first is the one that the others are compared with.
const WAYS: [(&str, Forward); 7] = [
    ("copy_bidirectional", both_ways),
    ("copy", |a, b| one_way(a, b, |a, b| Ok(copy(a, b).map(drop)?))),
    ("by hand, 16 KiB", |a, b| one_way(a, b, |a, b| by_hand(a, b, 1 << 14))),
    ("by hand, 64 KiB", |a, b| one_way(a, b, |a, b| by_hand(a, b, 1 << 16))),
    ("by hand, 256 KiB", |a, b| one_way(a, b, |a, b| by_hand(a, b, 1 << 18))),
    ("std's copy", |a, b| {
        one_way(a, b, |a, b| Ok(std::io::copy(a, b).map(drop)?))
    }),
    ("tokio", tokio_both_ways),
];

/// The kinds of sockets that the data come from and go to.
const FAMILIES: [(&str, Domain, Domain); 4] = [
    ("TCP to TCP", Domain::IPV4, Domain::IPV4),
    ("TCP to Unix", Domain::IPV4, Domain::UNIX),
    ("Unix to TCP", Domain::UNIX, Domain::IPV4),
    ("Unix to Unix", Domain::UNIX, Domain::UNIX),
];

pub(crate) fn run(arguments: &[String]) -> Result {
    let options = parse(arguments)?;
    let mut found = vec![vec![Vec::new(); WAYS.len()]; FAMILIES.len()];
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (family, (_, from, to)) in FAMILIES.into_iter().enumerate() {
            for (way, (_, forward)) in WAYS.into_iter().enumerate() {
                found[family][way].push(measure(from, to, forward, &options)?);
            }
        }
    }
    print!("{}", table(&found, &options)?);
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        rounds: 7,
        megabytes: 500,
        block: 1 << 16,
    };
    for pair in arguments.chunks(2) {
        let field = match &*pair[0] {
            "--rounds" => &mut options.rounds,
            "--megabytes" => &mut options.megabytes,
            "--block" => &mut options.block,
            _ => return Err(USAGE.into()),
        };
        let value = pair.get(1).and_then(|value| value.parse().ok());
        *field = value.filter(|&value| value > 0).ok_or(USAGE)?;
    }
    Ok(options)
}

/// How many microseconds of CPU time one megabyte takes.
fn measure(from: Domain, to: Domain, forward: Forward, options: &Options) -> Result<f64> {
    let ((mut source, a), (b, mut sink)) = (pair(from)?, pair(to)?);
    let (total, block) = (options.megabytes << 20, options.block);
    let sends = thread::spawn(move || {
        let data = vec![7; block];
        let mut left = total;
        while left > 0 {
            let n = block.min(left);
            source.write_all(&data[..n])?;
            left -= n;
        }
        source.shutdown(Shutdown::Write)?;
        // The connection stays until the other way has ended.
        source.read(&mut [0])
    });
    let reads = thread::spawn(move || {
        let (mut data, mut count) = (vec![0; 1 << 18], 0);
        loop {
            match sink.read(&mut data)? {
                0 => return Ok::<_, std::io::Error>(count),
                n => count += n,
            }
        }
    });
    let forwards = thread::spawn(move || {
        let before = cpu_seconds();
        forward(a.into(), b.into()).map_err(|error| error.to_string())?;
        Ok::<_, String>(cpu_seconds() - before)
    });
    let seconds = forwards.join().expect("it does not panic")?;
    let count = reads.join().expect("it does not panic")?;
    sends.join().expect("it does not panic")?;
    if count != total {
        return Err(format!("{count} bytes of {total} have arrived").into());
    }
    Ok(seconds * 1e6 / options.megabytes as f64)
}

/// Two sockets that are connected with each other.
fn pair(domain: Domain) -> Result<(Socket, Socket)> {
    if domain == Domain::UNIX {
        return Ok(Socket::pair(domain, Type::STREAM, None)?);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    Ok((near.into(), listener.accept()?.0.into()))
}

/// The CPU time of this thread so far.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the time, and fails only for a clock that does not exist.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn both_ways(a: OwnedFd, b: OwnedFd) -> Result {
    // The type does not mind other families.
    copy_bidirectional(&TcpStream::try_from(a)?, &TcpStream::try_from(b)?)?;
    Ok(())
}

fn one_way(a: OwnedFd, b: OwnedFd, forward: fn(&mut &TcpStream, &mut &TcpStream) -> Result) -> Result {
    forward(&mut &TcpStream::try_from(a)?, &mut &TcpStream::try_from(b)?)
}

fn by_hand(from: &mut &TcpStream, to: &mut &TcpStream, size: usize) -> Result {
    let mut buffer = vec![0; size];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            n => to.write_all(&buffer[..n])?,
        }
    }
}

fn tokio_both_ways(a: OwnedFd, b: OwnedFd) -> Result {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let stream = |fd: OwnedFd| {
            let stream = std::net::TcpStream::from(fd);
            stream.set_nonblocking(true)?;
            tokio::net::TcpStream::from_std(stream)
        };
        tokio::io::copy_bidirectional(&mut stream(a)?, &mut stream(b)?).await?;
        Ok(())
    })
}

fn table(found: &[Vec<Vec<f64>>], options: &Options) -> Result<String> {
    let Options {
        rounds,
        megabytes,
        block,
    } = options;
    let mut out = String::new();
    writeln!(
        out,
        "\nCPU time of the forwarding thread for each megabyte, median of {rounds} rounds of {megabytes} MB, sent in\n\
         blocks of {block} bytes. In brackets: how many times that of copy_bidirectional.\n"
    )?;
    write!(out, "{:20}", "")?;
    for (family, _, _) in FAMILIES {
        write!(out, "{family:>20}")?;
    }
    for (way, (name, _)) in WAYS.iter().enumerate() {
        write!(out, "\n{name:20}")?;
        for ways in found {
            let ratio = median_ratio(&ways[way], &ways[0]);
            write!(out, "{:>20}", format!("{:.0} us ({ratio:.2})", median(&ways[way])))?;
        }
    }
    writeln!(out)?;
    Ok(out)
}
