//! The standard descriptors as files: [`stdin`], [`stdout`] and [`stderr`].

use std::cell::RefCell;
use std::io;
use std::thread::LocalKey;

use greenlet_core::ThreadSlot;
use hub::try_get_hub;

use super::FileObject;
use super::source::Descriptor;

type FileSlot = ThreadSlot<Option<(hub::Hub, FileObject)>>;

thread_local! {
    static STDIN: FileSlot = const { FileSlot::new(None, || STDIN.with(FileSlot::clear)) };
    static STDOUT: FileSlot = const { FileSlot::new(None, || STDOUT.with(FileSlot::clear)) };
    static STDERR: FileSlot = const { FileSlot::new(None, || STDERR.with(FileSlot::clear)) };
}

/// The standard input, as a [`FileObject`] of mode `r`. A greenlet that reads it does not block the thread.
///
/// All calls of a thread return handles of the same file, so what one of them has read ahead is not lost. Other
/// threads, and std's [`stdin`](std::io::stdin), have buffers of their own, so a program should read by one of them
/// only.
///
/// ```no_run
/// use std::io::BufRead;
///
/// for line in gevent::fileobject::stdin()?.lines() {
///     println!("{}", line?.to_uppercase());
/// }
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Fails if the thread can have no hub, or the descriptor is closed.
pub fn stdin() -> io::Result<FileObject> {
    kept(&STDIN, io::stdin, "r", None)
}

/// The standard output, as a [`FileObject`] of mode `w`. Each line is written when it is complete, as by `println!`,
/// and a greenlet for which there is no room does not block the thread. `println!` goes on to work, as the descriptor
/// stays as it is.
///
/// All calls of a thread return handles of the same file. What is left in the buffer is written by
/// [`flush`](std::io::Write::flush), and when the thread ends.
///
/// ```
/// use std::io::Write;
///
/// writeln!(gevent::fileobject::stdout()?, "one line")?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Fails if the thread can have no hub, or the descriptor is closed.
pub fn stdout() -> io::Result<FileObject> {
    kept(&STDOUT, io::stdout, "w", Some(1))
}

/// The standard error, as a [`FileObject`] of mode `w` without a buffer.
///
/// # Errors
/// Fails if the thread can have no hub, or the descriptor is closed.
pub fn stderr() -> io::Result<FileObject> {
    kept(&STDERR, io::stderr, "w", Some(0))
}

/// The file of this thread, which is made if there is none, or if its hub is gone.
fn kept<D: Descriptor>(
    slot: &'static LocalKey<FileSlot>,
    descriptor: fn() -> D,
    mode: &str,
    buffering: Option<usize>,
) -> io::Result<FileObject> {
    let hub = try_get_hub().map_err(greenlet_core::Exception::from)?;
    let known = slot.with(|slot| slot.with(|known: &RefCell<_>| known.borrow().clone()));
    if let Some((its, file)) = known.flatten()
        && its == hub
        && !file.closed()
    {
        return Ok(file);
    }
    let file = match buffering {
        Some(size) => FileObject::with_buffering(descriptor(), mode, size)?,
        None => FileObject::new(descriptor(), mode)?,
    };
    let old = slot.with(|slot| slot.with(|known| known.replace(Some((hub, file.clone())))));
    drop(old);
    Ok(file)
}
