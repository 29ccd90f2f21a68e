//! [`ServerSocket`]: the kinds of sockets that are served.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::net::SocketAddr as UnixAddr;

use super::{BaseServer, ServerAddress};
use crate::lock::Semaphore;
use crate::server::{DatagramServer, StreamServer};
use crate::socket::{Bind, Sealed, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

/// A socket that a server serves: a [`TcpListener`] or [`UnixListener`], whose clients are connections, or a
/// [`UdpSocket`] or [`UnixDatagram`], whose clients are datagrams.
pub trait ServerSocket: Sealed + AsRawFd + Clone + 'static {
    /// What a handler gets: a connection, or the bytes of a datagram.
    type Client: 'static;
    /// The addresses of the server and of its clients.
    type Address: ServerAddress;
    /// The type of its servers: [`StreamServer`] or [`DatagramServer`].
    type Server: std::fmt::Debug + 'static;

    /// What a server has besides.
    #[doc(hidden)]
    type Extra: 'static;
    /// The name of the type of the servers.
    #[doc(hidden)]
    const SERVER: &str;

    #[doc(hidden)]
    fn bind(at: &<Self::Address as ServerAddress>::At, settings: &Bind) -> io::Result<Self>;
    #[doc(hidden)]
    fn address(&self) -> io::Result<Self::Address>;
    /// Takes a client if one is there. Datagrams are received in `buffer`, and have `size` bytes at most.
    #[doc(hidden)]
    fn do_read(&self, buffer: &mut Vec<u8>, size: usize) -> io::Result<Option<(Self::Client, Self::Address)>>;
    /// A second handle of a connection.
    #[doc(hidden)]
    fn handle_of(client: &Self::Client) -> Option<Self::Client>;
    #[doc(hidden)]
    fn close_client(client: &Self::Client);
    #[doc(hidden)]
    fn shut(&self);
    #[doc(hidden)]
    fn extra() -> Self::Extra;
    #[doc(hidden)]
    fn server(base: &BaseServer<Self>) -> Self::Server;
}

macro_rules! of_connections {
    ($listener:ty, $stream:ty, $address:ty) => {
        impl ServerSocket for $listener {
            type Client = $stream;
            type Address = $address;
            type Server = StreamServer<$listener>;
            type Extra = ();
            const SERVER: &str = "StreamServer";

            fn bind(at: &<$address as ServerAddress>::At, settings: &Bind) -> io::Result<Self> {
                Self::bind_with(at.clone(), settings)
            }

            fn address(&self) -> io::Result<$address> {
                self.local_addr()
            }

            fn do_read(&self, _buffer: &mut Vec<u8>, _size: usize) -> io::Result<Option<($stream, $address)>> {
                self.try_accept()
            }

            fn handle_of(client: &$stream) -> Option<$stream> {
                Some(client.clone())
            }

            fn close_client(client: &$stream) {
                client.close();
            }

            fn shut(&self) {
                self.close();
            }

            fn extra() {}

            fn server(base: &BaseServer<Self>) -> StreamServer<$listener> {
                StreamServer::of(base.clone())
            }
        }
    };
}

macro_rules! of_datagrams {
    ($socket:ty, $address:ty) => {
        impl ServerSocket for $socket {
            type Client = Vec<u8>;
            type Address = $address;
            type Server = DatagramServer<$socket>;
            /// The turn of the greenlets that send.
            type Extra = Semaphore;
            const SERVER: &str = "DatagramServer";

            fn bind(at: &<$address as ServerAddress>::At, settings: &Bind) -> io::Result<Self> {
                Self::bind_with(at.clone(), settings)
            }

            fn address(&self) -> io::Result<$address> {
                self.local_addr()
            }

            fn do_read(&self, buffer: &mut Vec<u8>, size: usize) -> io::Result<Option<(Vec<u8>, $address)>> {
                // Without memory it is an error, as in the other calls that receive.
                buffer.try_reserve_exact(size.saturating_sub(buffer.len()))?;
                buffer.resize(size, 0);
                let received = self.try_recv_from(buffer)?;
                Ok(received.map(|(n, address)| (buffer[..n].to_vec(), address)))
            }

            fn handle_of(_client: &Vec<u8>) -> Option<Vec<u8>> {
                None
            }

            fn close_client(_client: &Vec<u8>) {}

            fn shut(&self) {
                self.close();
            }

            fn extra() -> Semaphore {
                Semaphore::new(1)
            }

            fn server(base: &BaseServer<Self>) -> DatagramServer<$socket> {
                DatagramServer::of(base.clone())
            }
        }
    };
}

of_connections!(TcpListener, TcpStream, SocketAddr);
of_connections!(UnixListener, UnixStream, UnixAddr);
of_datagrams!(UdpSocket, SocketAddr);
of_datagrams!(UnixDatagram, UnixAddr);
