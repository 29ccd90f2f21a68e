//! Programs that the compiler refuses, each with the error that it gives.

/// A greenlet that borrows what its own scope's function owns:
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     let inside = 1;
///     s.spawn(|| println!("{inside}"));
///     Ok(())
/// });
/// ```
/// The same by reference, moved:
/// ```compile_fail,E0597
/// gevent::scope(|s| {
///     let inside = String::new();
///     let inside = &inside;
///     s.spawn(move || println!("{inside}"));
///     Ok(())
/// });
/// ```
/// Or what a greenlet of it owns, in a greenlet that this one spawns beside itself:
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     s.spawn(|| {
///         let inside = 1;
///         s.spawn(|| println!("{inside}"));
///     });
///     Ok(())
/// });
/// ```
/// The scope, or a greenlet's handle with what it may borrow, carried out:
/// ```compile_fail,E0521
/// let mut out = None;
/// gevent::scope(|s| {
///     out = Some(s);
///     Ok(())
/// });
/// ```
/// ```compile_fail
/// let escaped = gevent::scope(|s| Ok(s.spawn(|| ())));
/// ```
/// What is lent, moved or dropped or changed meanwhile:
/// ```compile_fail,E0505
/// let lent = String::new();
/// gevent::scope(|s| {
///     s.spawn(|| println!("{lent}"));
///     drop(lent);
///     Ok(())
/// });
/// ```
/// ```compile_fail,E0499
/// let mut lent = 0;
/// gevent::scope(|s| {
///     s.spawn(|| lent += 1);
///     s.spawn(|| lent += 1);
///     Ok(())
/// });
/// ```
/// A value that borrows: handles may outlive the scope, so what they hold may not borrow.
/// ```compile_fail,E0597
/// let lent = String::new();
/// gevent::scope(|s| {
///     s.spawn(|| Ok(&lent));
///     Ok(())
/// });
/// ```
/// A longer lifetime by variance: `'scope` and `'env` are both invariant.
/// ```compile_fail
/// fn longer<'scope, 'env>(s: &'scope gevent::Scope<'scope, 'env>) -> &'scope gevent::Scope<'scope, 'static> {
///     s
/// }
/// ```
/// ```compile_fail
/// fn shorter<'a, 'b: 'a, 'env: 'b>(s: &'b gevent::Scope<'b, 'env>) -> &'a gevent::Scope<'a, 'env> {
///     s
/// }
/// ```
/// Another thread:
/// ```compile_fail,E0277
/// gevent::scope(|s| {
///     std::thread::scope(|t| {
///         t.spawn(|| s.spawn(|| ()));
///     });
///     Ok(())
/// });
/// ```
#[cfg(doctest)]
struct Refused;
