//! [`Object`]: something of a type that only some know.

use std::any::Any;
use std::fmt::Debug;

/// Anything that can be shown, and asked whether it is of a certain type: what an object of Python's is to those who
/// are handed one.
///
/// ```
/// use greenlet_core::Object;
///
/// let object: &dyn Object = &7_i32;
/// assert_eq!(format!("{object:?}"), "7");
/// assert_eq!(object.downcast_ref(), Some(&7_i32));
/// assert!(!object.is::<u32>());
/// ```
pub trait Object: Any + Debug {}

impl<T: Any + Debug> Object for T {}

impl dyn Object {
    /// Whether it is a `T`.
    pub fn is<T: 'static>(&self) -> bool {
        (self as &dyn Any).is::<T>()
    }

    /// The object, if it is a `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}
