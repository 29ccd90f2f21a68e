//! A Redis client in C, on hiredis' own libev adapter, which we did not write: it shows that such code runs on a
//! loop of ours. Part of the test `tests/hiredis.rs`.
//!
//! Where hiredis is not [`INSTALLED`], nobody connects.

use std::ffi::{CString, NulError, c_char, c_int, c_void};
use std::fmt;
use std::ptr;

use libev_sys::ev_loop;

/// Whether hiredis was there when this was compiled.
pub const INSTALLED: bool = cfg!(hiredis);

/// What the client tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The connection is there.
    Connected,
    /// There will be none.
    ConnectFailed(String),
    /// The answer to a command; one for each, in their order.
    Reply(String),
    /// The server refuses the command.
    Error(String),
    /// The connection has ended before the answer.
    NoReply,
    /// The connection has ended, as asked for or with an error.
    Disconnected(Option<String>),
}

impl Event {
    fn new(what: c_int, text: Option<String>) -> Event {
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        match what {
            0 => Event::Connected,
            1 => Event::ConnectFailed(or_empty(text)),
            2 => Event::Reply(or_empty(text)),
            3 => Event::Error(or_empty(text)),
            4 => Event::NoReply,
            _ => Event::Disconnected(text),
        }
    }
}

/// The command was not accepted: there is no connection any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSent;

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hiredis has not accepted the command")
    }
}

impl std::error::Error for NotSent {}

impl From<NulError> for NotSent {
    fn from(_: NulError) -> NotSent {
        NotSent
    }
}

type Report = dyn Fn(Event);

#[repr(C)]
struct RawClient {
    _opaque: [u8; 0],
}

type RawReport = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, usize);

unsafe extern "C" {
    fn hiredis_client_new(
        loop_: *mut ev_loop,
        host: *const c_char,
        port: c_int,
        report: RawReport,
        context: *mut c_void,
    ) -> *mut RawClient;
    fn hiredis_client_set(client: *mut RawClient, key: *const c_char, value: *const c_char) -> c_int;
    fn hiredis_client_get(client: *mut RawClient, key: *const c_char) -> c_int;
    fn hiredis_client_disconnect(client: *mut RawClient);
    fn hiredis_client_free(client: *mut RawClient);
}

/// A connection to Redis. Dropping it ends the connection at once. Not to be dropped inside `report`.
pub struct Client {
    raw: *mut RawClient,
    /// On the heap, where C finds it.
    report: *mut Box<Report>,
}

impl Client {
    /// Begins to connect; `report` is told of everything that happens, when the loop runs.
    ///
    /// `None`: hiredis cannot even begin.
    ///
    /// # Safety
    /// `loop_` lives as long as the client, and is of this thread.
    pub unsafe fn connect(
        loop_: *mut ev_loop,
        host: &str,
        port: u16,
        report: impl Fn(Event) + 'static,
    ) -> Option<Client> {
        let host = CString::new(host).ok()?;
        let report: *mut Box<Report> = Box::into_raw(Box::new(Box::new(report)));
        // SAFETY: the loop is the caller's promise; `report` lives until `drop`, which ends all calls.
        let raw = unsafe { hiredis_client_new(loop_, host.as_ptr(), port.into(), tell, report.cast()) };
        let client = Client { raw, report };
        (!raw.is_null()).then_some(client)
    }

    /// Sends `SET`.
    ///
    /// # Errors
    /// There is no connection any more.
    pub fn set(&self, key: &str, value: &str) -> Result<(), NotSent> {
        let (key, value) = (CString::new(key)?, CString::new(value)?);
        // SAFETY: the client lives until `drop`; hiredis copies the strings.
        accepted(unsafe { hiredis_client_set(self.raw, key.as_ptr(), value.as_ptr()) })
    }

    /// Sends `GET`.
    ///
    /// # Errors
    /// There is no connection any more.
    pub fn get(&self, key: &str) -> Result<(), NotSent> {
        let key = CString::new(key)?;
        // SAFETY: as in `set`.
        accepted(unsafe { hiredis_client_get(self.raw, key.as_ptr()) })
    }

    /// Ends the connection when all answers are there.
    pub fn disconnect(&self) {
        // SAFETY: as in `set`.
        unsafe { hiredis_client_disconnect(self.raw) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: `connect` made both, and after the first call C has forgotten the second.
        unsafe {
            if !self.raw.is_null() {
                hiredis_client_free(self.raw);
            }
            drop(Box::from_raw(self.report));
        }
        self.raw = ptr::null_mut();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<client at {:p}>", self.raw)
    }
}

fn accepted(result: c_int) -> Result<(), NotSent> {
    if result == 0 { Ok(()) } else { Err(NotSent) }
}

/// # Safety
/// Only for client.c, with what `connect` gave it; `text` is null or has `length` bytes.
unsafe extern "C" fn tell(context: *mut c_void, what: c_int, text: *const c_char, length: usize) {
    // SAFETY: by this function's contract.
    let (report, text) = unsafe {
        let report = &*context.cast::<Box<Report>>();
        let bytes = (!text.is_null()).then(|| std::slice::from_raw_parts(text.cast::<u8>(), length));
        (report, bytes)
    };
    report(Event::new(
        what,
        text.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
    ));
}
