//! [`Outcome`] and [`Plain`]: the types that a greenlet's function may return. [`io`]: functions that return
//! [`io::Result`].

use std::io;

use greenlet_core::Exception;

/// The types that a greenlet's function may return: any plain value, or a `Result` with [`Exception`] as its error.
///
/// As there is only one such `Result`, closures that use `?` and end with `Ok(x)` need no annotation. A type of your
/// own is returned as `Ok(value)`, or made [`Plain`]. For functions with `io::Error`s see [`io`](crate::io()).
///
/// ```
/// let a = gevent::spawn(|| println!("hi"));
/// let b = gevent::spawn(|| 7);
/// let c = gevent::spawn(|| {
///     gevent::sleep(0.001)?;
///     Ok("done")
/// });
/// a.get()?;
/// assert_eq!((b.get()?, c.get()?), (7, "done"));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// From a closure that ends with an endless `loop` the compiler cannot tell the type that it returns, so the closure
/// names it:
///
/// ```
/// use gevent::{Exception, queue::Queue};
///
/// let queue = Queue::<i32>::new();
/// let worker = gevent::spawn({
///     let queue = queue.clone();
///     move || -> Result<(), Exception> {
///         loop {
///             println!("{}", queue.get()?);
///         }
///     }
/// });
/// # queue.put(1)?;
/// # gevent::sleep(0)?;
/// worker.kill()?;
/// # Ok::<(), Exception>(())
/// ```
#[doc(inline)]
pub use hub::core::Outcome;

/// A type whose values a greenlet's function may return as they are, without `Ok`. Implement it for types of your own:
///
/// ```
/// struct Answer(i32);
/// impl gevent::Plain for Answer {}
/// let g = gevent::spawn(|| Answer(42));
/// # g.join()?;
/// # assert_eq!(g.take().unwrap().0, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[doc(inline)]
pub use hub::core::Plain;

impl Plain for crate::AnyGreenlet {}
impl<T: 'static> Plain for crate::Greenlet<T> {}
impl Plain for crate::socket::TcpListener {}
impl Plain for crate::socket::TcpStream {}

/// Calls a function that returns an [`io::Result`], and makes an [`Exception`] of its error. In this function, `?` and
/// a bare `Ok(())` need no annotation.
///
/// The call of `io` stands in a closure and not around it. So it serves all closures alike, with and without arguments,
/// called once or many times: those for `spawn`, pools, handlers of servers, callbacks of the loop.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::{server::StreamServer, socket::TcpStream, spawn};
///
/// let server = StreamServer::new("127.0.0.1:0", |mut stream, _address| {
///     gevent::io(|| {
///         let mut line = [0; 5];
///         stream.read_exact(&mut line)?;
///         stream.write_all(&line)
///     })
/// });
/// server.start()?;
/// let address = server.address().unwrap();
/// let client = spawn(move || {
///     gevent::io(|| {
///         let mut stream = TcpStream::connect(address)?;
///         stream.write_all(b"hello")?;
///         gevent::sleep(0)?;
///         let mut text = String::new();
///         stream.read_to_string(&mut text)?;
///         Ok(text)
///     })
/// });
/// assert_eq!(client.get()?, "hello");
/// server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// A named function that returns an [`io::Result`] can be called with `?` instead:
///
/// ```
/// # use gevent::{server::StreamServer, socket::TcpStream};
/// # use std::net::SocketAddr;
/// fn echo(stream: TcpStream, _address: SocketAddr) -> std::io::Result<()> {
///     gevent::socket::copy(&mut stream.clone(), &mut stream.clone())?;
///     Ok(())
/// }
/// let server = StreamServer::new("127.0.0.1:0", |stream, address| Ok(echo(stream, address)?));
/// # server.start()?;
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Returns the function's error as an exception. An `io::Error` that was made of an exception becomes that exception
/// again.
#[track_caller]
pub fn io<T>(function: impl FnOnce() -> io::Result<T>) -> Result<T, Exception> {
    // With `map_err` the closure here would be the place where the exception was raised, and not the caller.
    match function() {
        Ok(value) => Ok(value),
        Err(error) => Err(Exception::new(error)),
    }
}
