//! TCP on loopback; closed while somebody waits.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::rc::Rc;

use gevent::Exception;
use gevent::hub::wait_read;
use gevent::socket::{TcpListener, TcpStream};

use crate::canary::Counted;
use crate::world::World;

pub(super) fn step(world: &Rc<World>) -> Result<(), Exception> {
    let random = &world.random;
    if random.once_in(3) || world.streams.borrow().is_empty() {
        return connect(world);
    }
    let Some(stream) = world.pick(&world.streams) else {
        return Ok(());
    };
    let mut bytes = [0; 64];
    match random.below(10) {
        0..=2 => {
            let _ = (&**stream).read(&mut bytes)?;
        }
        3 | 4 => {
            (&**stream).write_all(&bytes)?;
        }
        5 => stream.close(),
        6 => stream.shutdown(random.one_of(&[Shutdown::Read, Shutdown::Write, Shutdown::Both]))?,
        7 => {
            let clone = stream.try_clone()?;
            keep(world, clone);
        }
        8 => {
            use std::os::fd::AsRawFd;
            let fd = stream.with_fd(|fd| fd.as_raw_fd())?;
            wait_read(fd, world.soon())?;
        }
        _ => {
            drop(stream);
            drop(world.take(&world.streams));
            drop(world.take(&world.listeners));
        }
    }
    Ok(())
}

fn keep(world: &Rc<World>, stream: TcpStream) {
    // Whoever waits for one that nobody writes to would keep the loop going.
    let _ = stream.set_timeout(world.soon().max(1e-6));
    world.keep(&world.streams, Rc::new(Counted::new(stream, &world.ledger)));
}

fn connect(world: &Rc<World>) -> Result<(), Exception> {
    let listener = match world.pick(&world.listeners) {
        Some(listener) => listener,
        None => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_timeout(0.002)?;
            let listener = Rc::new(Counted::new(listener, &world.ledger));
            world.keep(&world.listeners, listener.clone());
            listener
        }
    };
    match world.random.below(5) {
        0 => listener.close(),
        1 => {
            let coming = Counted::new((), &world.ledger);
            let (stream, _) = listener.accept()?;
            drop(coming);
            keep(world, stream);
        }
        _ => {
            let address = listener.local_addr()?;
            // It may stay on a stack that is left behind.
            let coming = Counted::new((), &world.ledger);
            let near = TcpStream::connect_timeout(address, 0.002)?;
            keep(world, near);
            if world.random.once_in(2) {
                let (far, _) = listener.accept()?;
                drop(coming);
                keep(world, far);
            }
        }
    }
    Ok(())
}
