//! The end of a greenlet goes to its nearest living parent.

use gevent::exceptions::GreenletError;
use gevent::{Exception, RawGreenlet, Value, getcurrent};

use super::common::{TestResult, ValueError, name};

fn middle() -> Result<Value, Exception> {
    let inner = RawGreenlet::new(|_| Ok(Value::new("inner's value")));
    let maker = inner.parent() == Some(getcurrent());
    println!("the maker is the parent: {maker}");
    println!("middle gets {}", text(inner.switch(())?));
    let fails = RawGreenlet::new(|_| Err(ValueError("child").into()));
    match fails.switch(()) {
        Err(error) if error.is::<ValueError>() => println!("middle gets {}", name(&error)),
        switched => drop(switched?),
    }
    Ok(Value::new("middle's value"))
}

fn text(value: Value) -> &'static str {
    value.downcast().unwrap_or("something else")
}

pub(crate) fn main() -> TestResult {
    let main = getcurrent();

    let g = RawGreenlet::new(|_| middle());
    println!("main gets {}", text(g.switch(())?));

    let orphan = RawGreenlet::builder()
        .parent(&g)
        .build(|_| Ok(Value::new("orphan's value")));
    let value = text(orphan.switch(())?);
    println!("main, for the parent is dead, gets {value}");

    let [a, b] = [(); 2].map(|()| RawGreenlet::new(|_| Ok(Value::None)));
    b.set_parent(&a)?;
    if let Err(GreenletError::CyclicParent) = a.set_parent(&b) {
        println!("no cycles");
    }
    if let Err(GreenletError::MainGreenlet) = main.set_parent(&a) {
        println!("main has no parent");
    }
    Ok(())
}
