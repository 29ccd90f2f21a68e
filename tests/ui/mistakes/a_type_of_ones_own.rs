//! A greenlet returns what Python would, an object.
//!
//! Cure: return `Ok(value)`, or `impl gevent::Plain` for the type

struct Page {
    size: usize,
}

fn main() {
    let page = gevent::spawn(|| Page { size: 1 }).get();
    println!("{}", page.unwrap().size);
}
