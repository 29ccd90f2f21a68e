//! Tests what [`LoopExit`] tells about greenlets that wait for ever.

use gevent::{Exception, get_hub, sleep, spawn};
use hub::exceptions::LoopExit;
use waiter::Waiter;

#[test]
fn test_loop_exit_names_who_waits_where_and_for_what() -> Result<(), Exception> {
    let hub = get_hub();
    let waits = spawn({
        let waiter = Waiter::<()>::new(hub.as_wait_hub());
        move || waiter.get()
    });
    let (made_line, parked_line) = (line!() - 4, line!() - 2);
    waits.set_name("waits");
    let joins = spawn({
        let waits = waits.clone();
        move || waits.join()
    });
    sleep(0)?;
    let error = joins.join().unwrap_err();
    let exit = error.downcast_ref::<LoopExit>().expect("nobody is left");
    assert_eq!(exit.blocked.len(), 2, "{exit}");
    let first = &exit.blocked[0];
    assert_eq!(first.name.as_deref(), Some("waits"));
    assert_eq!((first.made_at.file(), first.made_at.line()), (file!(), made_line));
    assert_eq!((first.parked_at.file(), first.parked_at.line()), (file!(), parked_line));
    assert_eq!(first.waiting_on.expect("it said so").kind, "Waiter");
    let second = exit.blocked[1].waiting_on.expect("it said so");
    assert_eq!((second.kind, second.address), ("Greenlet", waits.raw().address()));
    let text = exit.to_string();
    assert!(text.starts_with("This operation would block forever"), "{text}");
    assert!(
        text.contains("\"waits\", made at tests/greenlets/blocked.rs:"),
        "{text}"
    );
    assert_eq!(hub.blocked_greenlets().len(), 2);
    joins.kill()?;
    waits.kill()?;
    assert_eq!(hub.blocked_greenlets(), []);
    Ok(())
}
