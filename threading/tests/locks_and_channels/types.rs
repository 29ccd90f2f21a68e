//! What the types are beside their waits: as those of std, side by side.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};

use gevent_threading::sync as ours;

use crate::team::fall;

/// Checks the same code with both.
macro_rules! both {
    ($sync:ident => $value:expr) => {{
        let their_value = {
            use std::sync as $sync;
            $value
        };
        let our_value = {
            use gevent_threading::sync as $sync;
            $value
        };
        assert_eq!(our_value, their_value);
    }};
}

fn shown(value: &dyn Debug) -> (String, String) {
    // Some versions of std put quotes around it, in a mutex and nowhere else.
    let unquoted = |text: String| text.replace("\"<locked>\"", "<locked>");
    (unquoted(format!("{value:?}")), unquoted(format!("{value:#?}")))
}

#[test]
fn they_are_shown_as_those_of_std() {
    both!(sync => {
        let mutex = sync::Mutex::new(5);
        let free = shown(&mutex);
        let guard = mutex.lock().expect("nobody panics");
        (free, shown(&mutex), shown(&guard), guard.to_string())
    });
    both!(sync => {
        let lock = sync::RwLock::new("text");
        let free = shown(&lock);
        let reads = lock.read().expect("nobody panics");
        let read = (shown(&lock), shown(&reads), reads.to_string());
        drop(reads);
        let writes = lock.write().expect("nobody panics");
        (free, read, shown(&lock), shown(&writes), writes.to_string())
    });
    both!(sync => {
        let (cell, set) = (sync::OnceLock::<u32>::new(), sync::OnceLock::from(1));
        let lazy = sync::LazyLock::<u32>::new(|| 4);
        let before = shown(&lazy);
        (shown(&cell), shown(&set), before, *lazy, shown(&lazy))
    });
    both!(sync => {
        let waited = sync::Barrier::new(1).wait();
        (shown(&sync::Condvar::new()), shown(&sync::Barrier::new(1)), shown(&waited), shown(&sync::Once::new()))
    });
    both!(sync => {
        let (send, receive) = sync::mpsc::channel::<u32>();
        let (narrow, _) = sync::mpsc::sync_channel::<u32>(1);
        let all = (shown(&send), shown(&receive), shown(&narrow));
        let received = (receive.try_recv(), receive.recv_timeout(std::time::Duration::ZERO));
        (all, shown(&narrow.send(1)), shown(&received))
    });
    both!(sync => {
        let mutex = sync::Mutex::new(());
        let condvar = sync::Condvar::new();
        let waited = condvar.wait_timeout(mutex.lock().expect("nobody panics"), std::time::Duration::ZERO);
        shown(&waited.expect("nobody panics").1)
    });
}

#[test]
fn values_are_taken_and_changed_without_a_wait() {
    both!(sync => {
        let (mut mutex, mut lock) = (sync::Mutex::from(1), sync::RwLock::from(2));
        *mutex.get_mut().expect("nobody panics") += 10;
        *lock.get_mut().expect("nobody panics") += 10;
        (mutex.into_inner().ok(), lock.into_inner().ok())
    });
    both!(sync => {
        let mut cell = sync::OnceLock::new();
        let results = (cell.set(1), cell.set(2), cell.get().copied());
        *cell.get_mut().expect("it is set") += 5;
        let same = cell.clone();
        let taken = (cell == same, cell.take(), cell == same, cell.get().copied());
        (results, taken, same.into_inner(), sync::OnceLock::<u32>::default().into_inner())
    });
    both!(sync => {
        let (mutex, lock) = (sync::Mutex::<u32>::default(), sync::RwLock::<String>::default());
        let lazy = sync::LazyLock::<Vec<u32>>::default();
        (mutex.into_inner().ok(), lock.into_inner().ok(), lazy.len())
    });
}

#[test]
fn values_without_a_size_are_locked() {
    both!(sync => {
        let mutex: std::sync::Arc<sync::Mutex<[u32]>> = std::sync::Arc::new(sync::Mutex::new([1, 2, 3]));
        let lock: Box<sync::RwLock<dyn Debug>> = Box::new(sync::RwLock::new(7));
        let shown = shown(&lock);
        (mutex.lock().map(|all| all.len()).ok(), shown)
    });
}

#[test]
fn they_are_made_in_constants() {
    static MUTEX: ours::Mutex<u32> = ours::Mutex::new(1);
    static LOCK: ours::RwLock<u32> = ours::RwLock::new(1);
    static CONDVAR: ours::Condvar = ours::Condvar::new();
    static BARRIER: ours::Barrier = ours::Barrier::new(1);
    static ONCE: ours::Once = ours::Once::new();
    static CELL: ours::OnceLock<u32> = ours::OnceLock::new();
    static LAZY: ours::LazyLock<u32> = ours::LazyLock::new(|| 1);
    CONDVAR.notify_one();
    ONCE.call_once(|| ());
    assert!(BARRIER.wait().is_leader());
    let all = (
        MUTEX.lock().map(|v| *v).ok(),
        LOCK.read().map(|v| *v).ok(),
        CELL.get_or_init(|| 1),
        *LAZY,
    );
    assert_eq!(all, (Some(1), Some(1), &1, 1));
}

#[test]
fn they_go_from_thread_to_thread_as_those_of_std() {
    /// Whether a type has a trait: an inherent constant is found before that of a trait for all.
    macro_rules! has {
        ($type:ty: $trait:ident) => {{
            #[allow(dead_code)]
            trait Not {
                const HAS: bool = false;
            }
            impl<T: ?Sized> Not for T {}
            struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
            #[allow(dead_code)]
            impl<T: ?Sized + $trait> Asked<T> {
                const HAS: bool = true;
            }
            <Asked<$type>>::HAS
        }};
    }
    macro_rules! traits {
        ($($type:ty),*) => { vec![$((
            stringify!($type),
            has!($type: Send), has!($type: Sync), has!($type: UnwindSafe), has!($type: RefUnwindSafe),
            has!($type: Unpin),
        )),*] };
    }
    type Cell = std::cell::Cell<u32>;
    type Rc = std::rc::Rc<u32>;
    both!(sync => traits![
        sync::Mutex<u32>, sync::Mutex<Cell>, sync::Mutex<Rc>,
        sync::MutexGuard<'static, u32>, sync::MutexGuard<'static, Cell>,
        sync::RwLock<u32>, sync::RwLock<Cell>, sync::RwLock<Rc>,
        sync::RwLockReadGuard<'static, u32>, sync::RwLockReadGuard<'static, Cell>,
        sync::RwLockWriteGuard<'static, u32>, sync::RwLockWriteGuard<'static, Cell>,
        sync::Condvar, sync::WaitTimeoutResult, sync::Barrier, sync::BarrierWaitResult, sync::Once,
        sync::OnceLock<u32>, sync::OnceLock<Cell>, sync::OnceLock<Rc>,
        sync::LazyLock<u32>, sync::LazyLock<Cell>, sync::LazyLock<Rc>,
        sync::mpsc::Sender<u32>, sync::mpsc::Sender<Cell>, sync::mpsc::Sender<Rc>,
        sync::mpsc::SyncSender<u32>, sync::mpsc::SyncSender<Rc>,
        sync::mpsc::Receiver<u32>, sync::mpsc::Receiver<Cell>, sync::mpsc::Receiver<Rc>
    ]);
}

/// The text of a panic.
fn told(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    payload.downcast_ref::<&str>().map_or_else(
        || payload.downcast_ref::<String>().cloned().unwrap_or_default(),
        |text| (*text).to_owned(),
    )
}

#[test]
fn they_tell_of_poison_as_those_of_std() {
    both!(sync => {
        let once = sync::Once::new();
        told(|| once.call_once(|| fall()));
        (told(|| once.call_once(|| ())), told(|| once.wait()))
    });
    both!(sync => {
        let lazy = sync::LazyLock::<u32>::new(|| fall());
        told(|| _ = *lazy);
        told(|| _ = *lazy)
    });
}
