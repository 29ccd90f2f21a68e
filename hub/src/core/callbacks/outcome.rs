//! [`Outcome`] and [`CallbackResult`]: the types that a greenlet's function, and a callback of a loop, may return.

use greenlet_core::Exception;

/// A type that a greenlet's function may return, as [`std::process::Termination`] is one that `main` may: a `Result`
/// whose error is an [`Exception`], or any [`Plain`] value.
///
/// Only `Result`s with that one error are an outcome, so that closures which use `?` and end with `Ok(x)` need no type
/// annotation.
#[diagnostic::on_unimplemented(
    message = "a greenlet cannot return `{Self}`",
    label = "it returns a plain value, or a `Result` with `gevent::Exception` as its error",
    note = "if a function has another error: `|| Ok(function()?)`; if a closure has `io::Error`: `|| gevent::io(|| ..)`",
    note = "if the error is a box, `anyhow::Error` or text: `|| Ok(function().raised()?)`, with `use gevent::Raised`",
    note = "if it is a `Box<dyn Error>` that is not `Send`: `|| Ok(function().map_err(Exception::from_local)?)`",
    note = "if it is a type of your own: return `Ok(value)`, or `impl gevent::Plain` for the type",
    note = "if it is an endless loop: `|| -> Result<(), gevent::Exception> {{ loop {{ .. }} }}`"
)]
pub trait Outcome: 'static {
    /// The value of a function that succeeds.
    type Value: 'static;

    /// The value, or the error of the function.
    ///
    /// # Errors
    /// Returns the exception that the function ended with.
    fn into_result(self) -> Result<Self::Value, Exception>;
}

/// A type that a callback may return: the same as a greenlet's function, except that a `Result` must have the value
/// `()`, so that a closure which ends with `Err(..)` needs no type annotation. Values are dropped; errors go to the
/// loop's error handler.
#[diagnostic::on_unimplemented(
    message = "a callback or handler cannot return `{Self}`",
    label = "it returns a plain value, or `Result<(), gevent::Exception>`",
    note = "if a call has a value: drop it by `.map(drop)`, or end with `Ok(())`",
    note = "if a function has another error: `|| Ok(function()?)`; if a closure has `io::Error`: `|| gevent::io(|| ..)`",
    note = "if the error is a box, `anyhow::Error` or text: `|| Ok(function().raised()?)`, with `use gevent::Raised`",
    note = "if it is a `Box<dyn Error>` that is not `Send`: `|| Ok(function().map_err(Exception::from_local)?)`",
    note = "if it is a type of your own: end with `Ok(())`, or `impl gevent::Plain` for the type",
    note = "if it is an endless loop: `|| -> Result<(), gevent::Exception> {{ loop {{ .. }} }}`"
)]
pub trait CallbackResult: 'static {
    /// The error, if any.
    ///
    /// # Errors
    /// Returns the error that the callback returned.
    fn into_result(self) -> Result<(), Exception>;
}

/// A type that a greenlet's function may return as it is, without `Ok`.
pub trait Plain: 'static {}

impl<T: 'static> Outcome for Result<T, Exception> {
    type Value = T;

    #[inline]
    fn into_result(self) -> Result<T, Exception> {
        self
    }
}

// With this, the compiler complains that a type is no `Outcome`, not that it is not `Plain`.
#[diagnostic::do_not_recommend]
impl<T: Plain> Outcome for T {
    type Value = T;

    #[inline]
    fn into_result(self) -> Result<T, Exception> {
        Ok(self)
    }
}

impl CallbackResult for Result<(), Exception> {
    #[inline]
    fn into_result(self) -> Result<(), Exception> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: Plain> CallbackResult for T {
    #[inline]
    fn into_result(self) -> Result<(), Exception> {
        Ok(())
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
