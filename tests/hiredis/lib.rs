//! A Redis client in C, on hiredis' own libev adapter. It shows that foreign C code runs on a loop of ours. It is part
//! of the test `tests/hiredis.rs`.
//!
//! Where hiredis is not [`INSTALLED`], connecting fails.

use std::ffi::{CString, NulError, c_char, c_int, c_void};
use std::fmt;
use std::ptr;

use libev_sys::ev_loop;

/// Whether hiredis was installed when this was compiled.
pub const INSTALLED: bool = cfg!(hiredis);

/// The events that the client reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The connection is established.
    Connected,
    /// The connection has failed.
    ConnectFailed(String),
    /// The answer to a command. There is one for each command, in their order.
    Reply(String),
    /// The server refuses the command.
    Error(String),
    /// The connection has ended before the answer came.
    NoReply,
    /// The connection has ended, by a request or with an error.
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

/// The error of a command that was not sent, because there is no connection any more.
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

/// A connection to Redis. Dropping it ends the connection at once. It must not be dropped inside `report`.
pub struct Client {
    raw: *mut RawClient,
    /// The report function is on the heap, and C has its address.
    report: *mut Box<Report>,
}

impl Client {
    /// Begins to connect. `report` is called with each event, while the loop runs.
    ///
    /// Returns `None` if hiredis cannot even begin.
    ///
    /// # Safety
    /// `loop_` lives as long as the client, and belongs to this thread.
    pub unsafe fn connect(
        loop_: *mut ev_loop,
        host: &str,
        port: u16,
        report: impl Fn(Event) + 'static,
    ) -> Option<Client> {
        let host = CString::new(host).ok()?;
        let report: *mut Box<Report> = Box::into_raw(Box::new(Box::new(report)));
        // SAFETY: by this function's contract the loop is alive; `report` lives until `drop`, which ends all calls.
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

    /// Ends the connection when all answers have come.
    pub fn disconnect(&self) {
        // SAFETY: as in `set`.
        unsafe { hiredis_client_disconnect(self.raw) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: `connect` has made both, and after the first call C does not use `report` any more.
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
/// Only client.c calls this, with the pointer that `connect` gave it; `text` is null or has `length` bytes.
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
