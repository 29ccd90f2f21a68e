//! [`service`]: handlers that return a response of the crate `http`.

use greenlet_core::Exception;
use http::{Request, Response};

use super::body::Body;
use super::response::ResponseWriter;

/// Makes a handler of a function from a request to a response, as other servers have them. The body of the response is
/// sent as a whole, with its length.
///
/// ```
/// use std::io::Read;
/// use gevent::pywsgi::{Body, WSGIServer, service};
/// use http::{Request, Response};
///
/// fn echo(request: Request<&mut Body>) -> Result<Response<Vec<u8>>, gevent::Exception> {
///     let mut body = Vec::new();
///     request.into_body().read_to_end(&mut body)?;
///     Ok(Response::builder().header("Content-Type", "text/plain").body(body)?)
/// }
///
/// let server = WSGIServer::new("127.0.0.1:0", service(echo));
/// # drop(server);
/// ```
pub fn service<B: AsRef<[u8]>>(
    function: impl Fn(Request<&mut Body>) -> Result<Response<B>, Exception> + 'static,
) -> impl Fn(&mut Request<Body>, &mut ResponseWriter) -> Result<(), Exception> + 'static {
    move |request, writer| {
        let mut given = Request::new(());
        std::mem::swap(given.method_mut(), request.method_mut());
        std::mem::swap(given.uri_mut(), request.uri_mut());
        std::mem::swap(given.headers_mut(), request.headers_mut());
        *given.version_mut() = request.version();
        let (parts, ()) = given.into_parts();
        let response = function(Request::from_parts(parts, request.body_mut()))?;
        writer.status(response.status())?;
        for (name, value) in response.headers() {
            writer.header(name, value)?;
        }
        writer.send(response.body())
    }
}
