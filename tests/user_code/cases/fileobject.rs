//! Files.

use std::io::{self, Read};

use crate::trap::{Case, Trap, any};
use gevent::fileobject::{FileObject, FileObjectThread};

type Files = (FileObject, FileObjectThread, io::PipeWriter);

fn files(_: Trap) -> std::rc::Rc<Files> {
    let (reader, writer) = io::pipe().expect("there are descriptors");
    let file = std::fs::File::open("/dev/null").expect("it is there");
    let polled = FileObject::new(reader, "rb").expect("there is a hub");
    let threaded = FileObjectThread::new(file, "rb").expect("there is a hub");
    std::rc::Rc::new((polled, threaded, writer))
}

#[test]
fn functions_that_borrow_the_descriptor_of_a_file() {
    Case {
        names: &["fileobject::FileObjectBase::with_fd | FnOnce"],
        make: files,
        calls: vec![|files, trap| Ok(files.0.with_fd(|_| trap.spring())?), |files, trap| {
            Ok(files.1.with_fd(|_| trap.spring())?)
        }],
        others: |files| {
            let _ = format!("{:?} {:?}", files.0, files.1);
            any(files.0.close().and(files.1.close()).map_err(Into::into));
        },
        waits: Some(|files| {
            any(files.0.clone().read(&mut [0]).map_err(Into::into));
            Ok(())
        }),
        after: |files| {
            any(files.0.close().and(files.1.close()).map_err(Into::into));
            assert!(files.0.with_fd(|_| ()).is_err() && files.1.with_fd(|_| ()).is_err());
        },
    }
    .run();
}
