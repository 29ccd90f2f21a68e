//! Forwarders of connections and of datagrams, from and to addresses of any family, each in a thread of its own.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use gevent::pool::Group;
use gevent::prelude::*;
use gevent::socket::{Socket, SocketAddress, TcpStream, UnixStream};
use gevent::{run_in_thread, threadsafe};

use crate::common::{Result, SOON};

type Serve = fn(&Socket, &SocketAddress, &Group) -> io::Result<()>;

/// A forwarder, which goes on until it is told to [end](Forwarder::end).
pub(crate) struct Forwarder {
    pub(crate) address: SocketAddress,
    stop: threadsafe::Event,
    thread: JoinHandle<std::result::Result<(), Exception>>,
}

impl Forwarder {
    /// Forwards the connections that are made to `listen`.
    pub(crate) fn of_connections(listen: SocketAddress, target: SocketAddress) -> Result<Forwarder> {
        Forwarder::start(listen, target, libc::SOCK_STREAM, forward_connections)
    }

    /// Forwards the datagrams that are sent to `listen`, and the answers to the last sender.
    pub(crate) fn of_datagrams(listen: SocketAddress, target: SocketAddress) -> Result<Forwarder> {
        Forwarder::start(listen, target, libc::SOCK_DGRAM, forward_datagrams)
    }

    fn start(listen: SocketAddress, target: SocketAddress, type_: i32, serve: Serve) -> Result<Forwarder> {
        let stop = threadsafe::Event::new();
        let (tell, told) = channel();
        let thread = run_in_thread({
            let stop = stop.clone();
            move || {
                let socket = Socket::new(family(&listen), type_, 0)?;
                socket.bind(listen)?;
                if type_ == libc::SOCK_STREAM {
                    socket.listen(1000)?;
                }
                tell.send(socket.getsockname()?).expect("the test waits");
                let group = Group::new();
                let server = spawn({
                    let (socket, group) = (socket.clone(), group.clone());
                    move || serve(&socket, &target, &group).unwrap_err().raw_os_error()
                });
                stop.wait()?;
                // What has begun goes on to its end.
                socket.close();
                assert_eq!(server.get()?, Some(libc::EBADF));
                let over = group.join_timeout(SOON)?;
                assert!(over, "{} connections do not end", group.len());
                drop(server);
                assert_eq!(get_hub().loop_().activecnt()?, 0, "a watcher is left");
                Ok(())
            }
        })?;
        let Ok(address) = told.recv() else {
            return Err(format!("the forwarder does not start: {:?}", thread.join()).into());
        };
        Ok(Forwarder { address, stop, thread })
    }

    /// Ends the forwarder after it has forwarded all there is, and checks that it leaves nothing behind.
    pub(crate) fn end(self) -> Result {
        self.stop.set();
        match self.thread.join() {
            Ok(ended) => Ok(ended.map_err(|error| error.to_string())?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

pub(crate) fn family(address: &SocketAddress) -> i32 {
    match address {
        SocketAddress::Unix(_) => libc::AF_UNIX,
        SocketAddress::Inet6(_) => libc::AF_INET6,
        _ => libc::AF_INET,
    }
}

/// One of the types that are streams.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn of(socket: Socket) -> io::Result<Stream> {
        Ok(match socket.family()? {
            libc::AF_UNIX => Stream::Unix(socket.try_into()?),
            _ => Stream::Tcp(socket.try_into()?),
        })
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Unix(stream) => stream.shutdown(how),
        }
    }

    /// Copies all that comes from this stream to another one, and then ends that.
    fn copy_to(&self, other: &Stream) -> io::Result<u64> {
        let copied = io::copy(&mut &*self, &mut &*other);
        match copied {
            Ok(_) => other.shutdown(Shutdown::Write)?,
            Err(_) => {
                // Neither side shall take this for an orderly end. They may have gone already.
                let _ = (self.shutdown(Shutdown::Both), other.shutdown(Shutdown::Both));
            }
        }
        copied
    }
}

impl Read for &Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&*stream).read(buf),
            Stream::Unix(stream) => (&*stream).read(buf),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => (&*stream).write(buf),
            Stream::Unix(stream) => (&*stream).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn forward_connections(listener: &Socket, target: &SocketAddress, group: &Group) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept()?;
        let target = target.clone();
        let connection = move || {
            let server = Socket::new(family(&target), libc::SOCK_STREAM, 0)?;
            server.connect(target)?;
            let (client, server) = (Rc::new(Stream::of(client)?), Rc::new(Stream::of(server)?));
            let requests = spawn({
                let (client, server) = (client.clone(), server.clone());
                move || client.copy_to(&server).is_ok()
            });
            let replied = server.copy_to(&client);
            requests.join()?;
            // One that is broken off is for the programs to judge.
            drop(replied);
            Ok(())
        };
        group.spawn(connection).map_err(io::Error::from)?;
    }
}

fn forward_datagrams(front: &Socket, target: &SocketAddress, _: &Group) -> io::Result<()> {
    let back = Socket::new(family(target), libc::SOCK_DGRAM, 0)?;
    // The system finds an address, to which answers go.
    match target {
        SocketAddress::Unix(_) => back.bind("")?,
        _ => back.bind(("127.0.0.1", 0))?,
    }
    let asker: Rc<RefCell<Option<SocketAddress>>> = Rc::default();
    let answers = spawn({
        let (front, back, asker) = (front.clone(), back.clone(), asker.clone());
        move || {
            loop {
                let (answer, _) = back.recvfrom(1 << 16)?;
                let to = asker.borrow().clone();
                front.sendto(&answer, to.expect("nobody answers before"))?;
            }
            #[allow(unreachable_code)]
            Ok::<(), Exception>(())
        }
    });
    let error = loop {
        match front.recvfrom(1 << 16) {
            Ok((question, from)) => {
                *asker.borrow_mut() = from;
                back.sendto(&question, target)?;
            }
            Err(error) => break error,
        }
    };
    answers.kill().map_err(io::Error::from)?;
    Err(error)
}
