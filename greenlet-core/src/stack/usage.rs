//! How deep a stack has ever been, for tuning.

use super::{Stack, page_size};

/// So many pages are asked for at once.
const BATCH: usize = 256;

/// How many bytes of a stack, counted from its top, have been touched: whole pages.
pub(crate) fn touched(stack: &Stack) -> usize {
    let page = page_size();
    let low = stack.low();
    let pages = stack.size() / page;
    let mut resident = [0_u8; BATCH];
    for first in (0..pages).step_by(BATCH) {
        let count = BATCH.min(pages - first);
        // SAFETY: the pages belong to the stack, and `resident` has a byte for each.
        let asked = unsafe {
            let start = low.as_ptr().add(first * page);
            libc::mincore(start.cast(), count * page, resident.as_mut_ptr().cast())
        };
        if asked != 0 {
            return 0;
        }
        if let Some(index) = resident[..count].iter().position(|byte| byte & 1 != 0) {
            return stack.size() - (first + index) * page;
        }
    }
    0
}
