//! sendall sends all, or tells by an error that it has sent a part, which arrives.

use gevent::sleep;
use gevent::socket::socketpair;

use super::common::TestResult;
use super::common_sockets::{drain, fill, says, undisturbed, waits};

const MUCH: usize = 2_000_000;

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    // It goes on as room comes, while others run.
    let (a, b) = socketpair()?;
    let sender = waits("sendall", &a, |s| s.sendall(&vec![0; MUCH]));
    sleep(0)?;
    println!("sent: {}", sender.ready());
    let mut received = 0;
    while received < MUCH {
        received += b.recv(65536)?.len();
    }
    sender.join()?;
    println!("received: {received}");

    // The timeout ends it.
    let (a, b) = socketpair()?;
    a.settimeout(0.001)?;
    says("timeout", a.sendall(&vec![0; MUCH]));
    println!("received: {}", (1..MUCH).contains(&drain(&b)?));
    says("room", a.sendall(b"x"));
    says("received", b.recv(10));

    // The other side goes away in the middle.
    let (a, b) = socketpair()?;
    let sender = waits("nobody", &a, |s| s.sendall(&vec![0; MUCH]));
    sleep(0)?;
    b.recv(10)?;
    b.close();
    sender.join()?;
    says("and again", a.sendall(b"x"));

    // A second sender waits for the first one's room in vain.
    let (a, b) = socketpair()?;
    fill(&a)?;
    let sender = waits("killed", &a, |s| s.sendall(&vec![0; MUCH]));
    sleep(0)?;
    says("second", a.sendall(b"x"));
    sender.kill()?;
    drain(&b)?;
    says("second", a.sendall(b"x"));
    Ok(())
}
