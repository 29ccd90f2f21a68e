//! What the function of a greenlet may return.

use greenlet_core::Exception;

/// What a greenlet's function may return, the way [`std::process::Termination`] says it of
/// `main`: a `Result` whose error is an [`Exception`], or any plain value.
///
/// It is implemented for that one `Result` only, so that closures which use `?` and end with
/// `Ok(x)` need no annotation. A type of your own is returned as `Ok(value)`, or made [`Plain`].
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
#[diagnostic::on_unimplemented(
    message = "a greenlet cannot return `{Self}` as it is",
    note = "return `Ok(value)`, with `gevent::Exception` as the error, or implement `gevent::Plain`"
)]
pub trait Outcome: 'static {
    /// The value of a greenlet that ends well.
    type Value: 'static;

    /// The value, or why there is none.
    ///
    /// # Errors
    /// The exception that the function ended with.
    fn into_result(self) -> Result<Self::Value, Exception>;
}

impl<T: 'static> Outcome for Result<T, Exception> {
    type Value = T;

    fn into_result(self) -> Result<T, Exception> {
        self
    }
}

/// A type that a greenlet may return as it is, without `Ok`. Implement it for your own:
///
/// ```
/// struct Answer(i32);
/// impl gevent::Plain for Answer {}
/// let g = gevent::spawn(|| Answer(42));
/// # g.join(None)?;
/// # assert_eq!(g.take().unwrap().0, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
pub trait Plain: 'static {}

impl<T: Plain> Outcome for T {
    type Value = T;

    fn into_result(self) -> Result<T, Exception> {
        Ok(self)
    }
}

macro_rules! plain {
    ($([$($generics:tt)*] $type:ty;)*) => {
        $(impl<$($generics)*> Plain for $type {})*
    };
}

plain! {
    [] ();
    [] bool;
    [] char;
    [] i8; [] i16; [] i32; [] i64; [] i128; [] isize;
    [] u8; [] u16; [] u32; [] u64; [] u128; [] usize;
    [] f32; [] f64;
    [] String;
    [] &'static str;
    [] std::time::Duration;
    [] std::time::Instant;
    [] crate::AnyGreenlet;
    [T: 'static] crate::Greenlet<T>;
    [] crate::socket::TcpListener;
    [] crate::socket::TcpStream;
    [T: 'static] Option<T>;
    [T: 'static] Vec<T>;
    [T: 'static] std::collections::VecDeque<T>;
    [T: 'static] std::collections::BTreeSet<T>;
    [T: 'static] std::collections::HashSet<T>;
    [K: 'static, V: 'static] std::collections::BTreeMap<K, V>;
    [K: 'static, V: 'static] std::collections::HashMap<K, V>;
    [T: ?Sized + 'static] Box<T>;
    [T: ?Sized + 'static] std::rc::Rc<T>;
    [T: ?Sized + 'static] std::sync::Arc<T>;
    [T: 'static, const N: usize] [T; N];
    [A: 'static] (A,);
    [A: 'static, B: 'static] (A, B);
    [A: 'static, B: 'static, C: 'static] (A, B, C);
    [A: 'static, B: 'static, C: 'static, D: 'static] (A, B, C, D);
}
