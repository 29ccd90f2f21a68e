//! Uses of scopes that would be unsound. The compiler has to refuse each of them, with the error that is given.

/// A greenlet borrows a variable of its own scope's function:
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     let inside = 1;
///     s.spawn(|| println!("{inside}"));
///     Ok(())
/// });
/// ```
/// The same, by a reference that is moved into the greenlet:
/// ```compile_fail,E0597
/// gevent::scope(|s| {
///     let inside = String::new();
///     let inside = &inside;
///     s.spawn(move || println!("{inside}"));
///     Ok(())
/// });
/// ```
/// A greenlet spawns another one in its own scope, which borrows a variable of the first:
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     s.spawn(|| {
///         let inside = 1;
///         s.spawn(|| println!("{inside}"));
///     });
///     Ok(())
/// });
/// ```
/// The scope is carried out of its function:
/// ```compile_fail,E0521
/// let mut out = None;
/// gevent::scope(|s| {
///     out = Some(s);
///     Ok(())
/// });
/// ```
/// The handle of a greenlet, which has the lifetime of the scope, is returned from it:
/// ```compile_fail
/// let escaped = gevent::scope(|s| Ok(s.spawn(|| ())));
/// ```
/// A variable is dropped while it is lent:
/// ```compile_fail,E0505
/// let lent = String::new();
/// gevent::scope(|s| {
///     s.spawn(|| println!("{lent}"));
///     drop(lent);
///     Ok(())
/// });
/// ```
/// Two greenlets borrow the same variable mutably:
/// ```compile_fail,E0499
/// let mut lent = 0;
/// gevent::scope(|s| {
///     s.spawn(|| lent += 1);
///     s.spawn(|| lent += 1);
///     Ok(())
/// });
/// ```
/// The value of a greenlet borrows. A handle, which holds the value, may outlive the scope:
/// ```compile_fail,E0597
/// let lent = String::new();
/// gevent::scope(|s| {
///     s.spawn(|| Ok(&lent));
///     Ok(())
/// });
/// ```
/// The lifetime `'env` of a scope is lengthened. It is invariant, as is `'scope`:
/// ```compile_fail
/// fn longer<'scope, 'env>(s: &'scope gevent::Scope<'scope, 'env>) -> &'scope gevent::Scope<'scope, 'static> {
///     s
/// }
/// ```
/// The lifetime `'scope` is shortened:
/// ```compile_fail
/// fn shorter<'a, 'b: 'a, 'env: 'b>(s: &'b gevent::Scope<'b, 'env>) -> &'a gevent::Scope<'a, 'env> {
///     s
/// }
/// ```
/// Another thread spawns in the scope:
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
