//! Tests the hooks by which a program changes its hubs: the counterpart of gevent's hub classes. A hook belongs to the
//! process, and would see the hubs of other tests, so these have a program of their own.

use std::sync::{Arc, Mutex};

use gevent::{Context, Exception, get_hub, spawn};
use hub::core::ErrorHandler;

#[derive(Debug, thiserror::Error)]
#[error("expected")]
struct ExpectedError;

/// An error handler that notes the errors which no caller takes.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl ErrorHandler for Notes {
    fn handle_error(&self, context: Context<'_>, error: Exception) {
        let whose = match context {
            Context::Greenlet(_) => "a greenlet's",
            _ => "somebody else's",
        };
        self.0.lock().unwrap().push(format!("{whose}: {error}"));
    }
}

#[test]
fn test_each_new_hub_goes_through_the_hook() {
    let notes = Notes::default();
    let for_hubs = notes.clone();
    hub::set_new_hub_hook(Some(Arc::new(move |hub| {
        hub.set_name("ours");
        hub.set_error_handler(Some(std::rc::Rc::new(for_hubs.clone())));
    })));
    std::thread::spawn(|| {
        assert_eq!(get_hub().name(), "ours");
        let failing = spawn(|| -> Result<(), Exception> { Err(ExpectedError.into()) });
        failing.join().unwrap();
        get_hub().set_error_handler(None);
        get_hub().set_exception_stream(hub::ExceptionStream::Discard);
        spawn(|| -> Result<(), Exception> { Err(ExpectedError.into()) })
            .join()
            .unwrap();
    })
    .join()
    .unwrap();
    hub::set_new_hub_hook(None);
    std::thread::spawn(|| assert_eq!(get_hub().name(), "")).join().unwrap();
    assert_eq!(*notes.0.lock().unwrap(), ["a greenlet's: expected"]);
}
