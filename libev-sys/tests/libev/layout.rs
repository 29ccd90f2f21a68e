//! Every struct has the same size, alignment, fields and offsets in Rust as in C.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::mem::{align_of, offset_of, size_of};

use libev_sys::*;

/// A row of the table in csrc/layout.c.
#[repr(C)]
struct Row {
    type_: *const c_char,
    field: *const c_char,
    offset: usize,
    size: usize,
    align: usize,
}

unsafe extern "C" {
    fn ev_shim_layout_table(len: *mut usize) -> *const Row;
}

#[derive(Debug, PartialEq, Eq)]
struct Place {
    offset: usize,
    size: usize,
    align: usize,
}

/// Every struct and field, by `type` or `type.field`.
type Layout = BTreeMap<String, Place>;

fn layout_in_c() -> Layout {
    let text = |pointer: *const c_char| {
        // SAFETY: the table's strings are literals, and the callers make sure that this one is not null.
        let text = unsafe { CStr::from_ptr(pointer) };
        text.to_str().expect("C identifiers are ASCII")
    };
    let mut len = 0;
    // SAFETY: the function fills in the length of the static table that it returns.
    let rows = unsafe {
        let table = ev_shim_layout_table(&mut len);
        std::slice::from_raw_parts(table, len)
    };
    let place = |row: &Row| Place {
        offset: row.offset,
        size: row.size,
        align: row.align,
    };
    let name = |row: &Row| {
        let type_ = text(row.type_).trim_start_matches("union ");
        if row.field.is_null() {
            type_.to_owned()
        } else {
            format!("{type_}.{}", text(row.field))
        }
    };
    rows.iter().map(|row| (name(row), place(row))).collect()
}

fn align_and_size_of_field<S, F>(_: impl Fn(&S) -> &F) -> (usize, usize) {
    (align_of::<F>(), size_of::<F>())
}

fn of_type<T>() -> Place {
    Place {
        offset: 0,
        size: size_of::<T>(),
        align: align_of::<T>(),
    }
}

/// Inserts a struct and all its fields. The pattern has no `..`: a field that is missing here does not compile.
macro_rules! insert {
    ($layout:ident: $($type:ident { $($field:ident),* })*) => { $({
        let _every_field_is_listed = |value: $type| { let $type { $($field: _),* } = value; };
        $layout.insert(stringify!($type).to_owned(), of_type::<$type>());
        $({
            let (align, size) = align_and_size_of_field(|value: &$type| &value.$field);
            let place = Place { offset: offset_of!($type, $field), size, align };
            $layout.insert(concat!(stringify!($type), ".", stringify!($field)).to_owned(), place);
        })*
    })* };
}

fn layout_in_rust() -> Layout {
    let mut layout = Layout::new();
    insert! { layout:
        ev_watcher { active, pending, priority, data, cb }
        ev_watcher_list { active, pending, priority, data, cb, next }
        ev_watcher_time { active, pending, priority, data, cb, at }
        ev_io { active, pending, priority, data, cb, next, fd, events }
        ev_timer { active, pending, priority, data, cb, at, repeat }
        ev_periodic { active, pending, priority, data, cb, at, offset, interval, reschedule_cb }
        ev_signal { active, pending, priority, data, cb, next, signum }
        ev_child { active, pending, priority, data, cb, next, flags, pid, rpid, rstatus }
        ev_stat { active, pending, priority, data, cb, next, timer, interval, path, prev, attr, wd }
        ev_idle { active, pending, priority, data, cb }
        ev_prepare { active, pending, priority, data, cb }
        ev_check { active, pending, priority, data, cb }
        ev_fork { active, pending, priority, data, cb }
        ev_cleanup { active, pending, priority, data, cb }
        ev_embed {
            active, pending, priority, data, cb, other, io, prepare, check, timer, periodic, idle, fork, cleanup
        }
        ev_async { active, pending, priority, data, cb, sent }
        ev_shim_pending { w, events }
    }
    layout.insert("ev_any_watcher".to_owned(), of_type::<ev_any_watcher>());
    layout.insert("ev_statdata".to_owned(), of_type::<ev_statdata>());
    layout.insert("ev_tstamp".to_owned(), of_type::<ev_tstamp>());
    layout
}

#[test]
fn structs_are_laid_out_as_in_c() {
    let (c, rust) = (layout_in_c(), layout_in_rust());
    let names = |layout: &Layout| layout.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&c), names(&rust), "the two sides know the same types and fields");
    for (name, place) in &c {
        assert_eq!(Some(place), rust.get(name), "{name}: left is C, right is Rust");
    }
}
