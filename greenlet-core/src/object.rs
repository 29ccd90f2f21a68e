//! [`Object`]: a value of any type, for code that may not know the type.

use std::any::Any;
use std::fmt::Debug;

/// A value of any type that can be printed, and asked whether it is of a certain type, as objects in Python can.
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
    /// Whether the object is a `T`.
    pub fn is<T: 'static>(&self) -> bool {
        (self as &dyn Any).is::<T>()
    }

    /// The object, if it is a `T`.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}
