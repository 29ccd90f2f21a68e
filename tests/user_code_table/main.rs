//! docs/user-code.md is complete: whatever code of users the public signatures name is in its tables, and what is in
//! its tables exists.
//!
//! Signatures are read from the sources: bounds, `impl Trait`, `dyn Trait` and functions in what public functions take,
//! parameters of types (which are dropped), and traits that are derived for such types.

mod cases;
mod codes;
mod macros;
mod scan;
mod source;
mod table;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use scan::{Scan, scan};
use source::{Source, sources};
use table::{Row, rows, told_twice};

/// What may be in a source, and what is found there.
const SOURCE: &str = "
    pub type Hook = Rc<dyn Fn(&u8)>;
    type Own = Box<dyn FnOnce()>;
    pub fn function(a: impl IntoIterator<Item: Clone>, hook: Option<Hook>, own: Own) {}
    pub fn plain(a: u8) -> impl Iterator<Item = u8> { [a].into_iter() }
    fn private<F: Fn()>(f: F) {}
    pub(crate) fn ours<F: Fn()>(f: F) {}

    #[derive(Debug, Clone, PartialEq)]
    pub struct Holds<T: ?Sized> { private: Box<dyn Fn()>, pub public: Box<dyn Write>, it: T }
    impl<T: Ord> Holds<T> {
        pub fn put<R>(&self, t: T, f: &mut dyn FnMut(&dyn Display) -> R) where R: Hash {}
        fn private(&self, f: impl Fn()) {}
    }
    impl<T: Hash> Hash for Holds<T> { fn hash<H: Hasher>(&self, h: &mut H) {} }
    impl<T: Read> Marker for Holds<T> {}
    #[doc(hidden)]
    #[derive(Debug)]
    pub struct Hidden<T>(T);
    impl<T: Ord> Hidden<T> { pub fn new(t: T, f: impl Fn()) {} }
    #[derive(Debug)]
    pub struct Without;
    pub enum Kinds { One, Two(fn() -> u8), Three { of: Box<dyn Read> }, C(unsafe extern \"C\" fn()) }

    struct Private<T>(T);
    impl<T: Clone> Clone for Private<T> { fn clone(&self) -> Self { todo!() } }
    pub trait Notify { fn notify(&self, f: impl Fn()); }
    impl<F: FnMut()> Notify for F { fn notify(&self, f: impl Fn()) {} }
    impl<T: Ord> Notify for Vec<T> { fn notify(&self, f: impl Fn()) {} }
    made_by_a_macro!(Made);
    impl Made { pub fn start(&self, f: fn()) {} }
    #[cfg(test)]
    mod tests { pub fn test(f: impl Fn()) {} }
    mod inner { pub fn reached(f: impl FnOnce()) {} }
";

const FOUND: &str = "
    a::Holds::clone Clone; a::Holds::drop Drop; a::Holds::eq PartialEq; a::Holds::fmt Debug; a::Holds::hash Hash;
    a::Holds::public Write; a::Holds::put FnMut; a::Holds::put Hash; a::Holds::put Ord; a::Kinds::Three::of Read;
    a::Kinds::Two Fn; a::Made::start Fn; a::Notify::notify Fn; a::Notify::notify FnMut; a::Notify::notify Ord;
    a::function Clone; a::function Fn; a::function FnOnce; a::function Iterator; a::reached FnOnce
";

#[test]
fn whatever_may_be_called_is_found() {
    let found = scan(&[Source::of("a".into(), SOURCE)]).calls;
    let found: Vec<_> = found
        .iter()
        .filter(|(place, _)| place.starts_with("a::"))
        .map(|(place, code)| format!("{place} {code}"))
        .collect();
    let expected: Vec<_> = FOUND.split(';').map(str::trim).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn assert_none<T: std::fmt::Display>(what: &str, found: impl IntoIterator<Item = T>) {
    let found: Vec<_> = found.into_iter().map(|one| format!("\n  {one}")).collect();
    assert!(found.is_empty(), "{what}:{}", found.concat());
}

fn shown((place, code): &(String, String)) -> String {
    format!("`{place}` | `{code}`")
}

fn scanned() -> &'static Scan {
    static SCANNED: LazyLock<Scan> = LazyLock::new(|| {
        let found = scan(&sources());
        assert!(found.calls.len() > 300, "{}", found.calls.len());
        found
    });
    &SCANNED
}

#[test]
fn whatever_a_signature_names_is_in_the_table() {
    let told: BTreeSet<_> = rows().iter().flat_map(Row::calls).collect();
    assert_none(
        "user code that docs/user-code.md does not tell of. Find out what holds when it panics, waits, is killed, calls the \
         object again or drops it; add a row and a case for it; if nothing of ours calls it there, the row says \"not called\"",
        scanned().calls.difference(&told).map(shown),
    );
}

#[test]
fn whatever_is_in_the_table_exists() {
    let (found, rows) = (scanned(), rows());
    let named = rows.iter().filter(|row| !row.is_elsewhere).flat_map(Row::calls);
    assert_none(
        "rows of docs/user-code.md whose place, or code there, is gone or has another name: take them out",
        named
            .filter(|call| !found.calls.contains(call))
            .map(|call| shown(&call)),
    );
    let elsewhere = || rows.iter().filter(|row| row.is_elsewhere);
    let places = elsewhere().flat_map(|row| &row.places);
    assert_none(
        "places of the last table of docs/user-code.md that do not exist",
        places.filter(|place| !found.places.contains(*place)),
    );
    let words: BTreeSet<_> = codes::words().collect();
    let codes = rows.iter().flat_map(|row| &row.codes);
    assert_none(
        "words for code in docs/user-code.md that tests/user_code_table/codes.rs does not know",
        codes.filter(|code| !words.contains(&***code)),
    );
    let calls = elsewhere().flat_map(Row::calls);
    assert_none(
        "rows of the last table of docs/user-code.md that belong into one above: the signature names the code",
        calls.filter(|call| found.calls.contains(call)).map(|call| shown(&call)),
    );
    assert_none("told of in two rows", told_twice(&rows).iter().map(shown));
    assert_none(
        "rows of docs/user-code.md without a place, a code or a word on what is guaranteed",
        rows.iter()
            .filter(|row| row.places.is_empty() || row.codes.is_empty() || row.guaranteed.is_empty())
            .map(|row| format!("{row:?}")),
    );
}

#[test]
fn every_trait_is_known() {
    let found = scanned();
    let unknown = found.traits.iter().filter(|(name, _)| codes::meaning(name).is_none());
    assert_none(
        "traits of which tests/user_code_table/codes.rs does not say whether they are called from inside of ours",
        unknown.map(|(name, place)| format!("{name}, in `{place}`")),
    );
    assert_none(
        "traits in tests/user_code_table/codes.rs that no signature names",
        codes::harmless().filter(|name| !found.traits.contains_key(*name)),
    );
}

#[test]
fn macros_are_as_they_were_read() {
    assert_none(
        "macros that make functions, and that tests/user_code_table/macros.rs tells something else of",
        macros::differences(&sources()),
    );
}

#[test]
fn the_name_of_a_case_may_name_several_calls() {
    let name = "a::{B, C}::d, e::f | Clone, Ord; g::h | Fn: Wait, i::j | Drop, killed";
    let expected = [
        ("a::B::d", "Clone"),
        ("a::C::d", "Clone"),
        ("e::f", "Clone"),
        ("a::B::d", "Ord"),
        ("a::C::d", "Ord"),
        ("e::f", "Ord"),
        ("g::h", "Fn"),
        ("i::j", "Drop"),
    ];
    let expected = expected.map(|(place, code)| (place.to_owned(), code.to_owned()));
    assert_eq!(cases::calls_of(name), expected);
}

#[test]
fn every_call_has_a_case() {
    let (rows, cases) = (rows(), cases::cases());
    let called = rows.iter().filter(|row| row.is_called()).flat_map(Row::calls);
    assert_none(
        "calls in docs/user-code.md that no case tries (in tests/user_code, or a user_code.rs of another crate's tests)",
        called.filter(|call| !cases.contains(call)).map(|call| shown(&call)),
    );
    let told: BTreeSet<_> = rows.iter().flat_map(Row::calls).collect();
    assert_none(
        "cases of what is not in docs/user-code.md",
        cases.difference(&told).map(shown),
    );
}
