//! How deep a stack has ever been, for tuning.

use std::ops::Range;

use super::{Stack, page_size};

/// So many pages are asked about at once.
const BATCH: usize = 256;

/// A gap of so many bytes that nobody has touched ends the search: to look at a stack of terabytes takes only as
/// long as the part of it in use. Smaller stacks are looked at as a whole.
pub(super) const SURE: usize = 16 << 20;

/// How many bytes of a stack, counted from its top, have been touched: whole pages. Pages below a gap of
/// [`SURE`] bytes are not seen.
pub(crate) fn touched(stack: &Stack) -> usize {
    let page = page_size();
    let depth = deepest(stack.size() / page, SURE / page, |depths, resident| {
        // SAFETY: the pages belong to the stack, and `resident` has a byte for each.
        let asked = unsafe {
            let start = stack.low().as_ptr().add(stack.size() - depths.end * page);
            libc::mincore(start.cast(), depths.len() * page, resident.as_mut_ptr().cast())
        };
        asked == 0
    });
    depth.unwrap_or(0) * page
}

/// How many of a stack's `pages` there are from the top down to the lowest one in use. Pages below a gap of
/// `gap` unused ones do not count. `ask` gets a range of pages, counted from the top, and a byte for each of
/// them, the deepest first, which it sets to 1 if the page is in use. None if `ask` has no answer.
fn deepest(pages: usize, gap: usize, mut ask: impl FnMut(Range<usize>, &mut [u8]) -> bool) -> Option<usize> {
    let mut resident = [0_u8; BATCH];
    let (mut deepest, mut seen) = (0, 0);
    while seen < pages && seen - deepest < gap {
        let depths = seen..pages.min(seen + BATCH);
        let resident = &mut resident[..depths.len()];
        if !ask(depths.clone(), resident) {
            return None;
        }
        if let Some(index) = resident.iter().position(|byte| byte & 1 != 0) {
            deepest = depths.end - index;
        }
        seen = depths.end;
    }
    Some(deepest)
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::super::{StackPool, StackSize};
    use super::{BATCH, SURE, deepest, page_size, touched};

    /// The result of the search if the pages `used` are in use, and how often it has asked.
    fn look(pages: usize, gap: usize, used: &[usize]) -> (Option<usize>, usize) {
        let mut asked = 0;
        let found = deepest(pages, gap, |depths, resident| {
            asked += 1;
            // The deepest page's place is the first.
            for (place, depth) in resident.iter_mut().zip(depths.rev()) {
                *place = u8::from(used.contains(&depth));
            }
            true
        });
        (found, asked)
    }

    #[test]
    fn a_small_stack_is_looked_at_as_a_whole() {
        for pages in [1, 2, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH] {
            assert_eq!(look(pages, 3 * BATCH, &[]).0, Some(0));
            for depth in [0, pages / 2, pages - 1] {
                assert_eq!(look(pages, 3 * BATCH, &[0, depth]).0, Some(depth + 1));
            }
        }
    }

    #[test]
    fn a_huge_stack_takes_no_more_questions_than_its_use() {
        let gap = 4 * BATCH;
        assert_eq!(look(usize::MAX >> 12, gap, &[0]), (Some(1), 5));
        assert_eq!(look(usize::MAX >> 12, gap, &[]), (Some(0), 4));
        let (found, asked) = look(usize::MAX >> 12, gap, &[0, gap - 1, 2 * gap - 2]);
        assert_eq!((found, asked), (Some(2 * gap - 1), 12));
        // A page beyond the gap is not seen.
        assert_eq!(look(usize::MAX >> 12, gap, &[0, 2 * gap]).0, Some(1));
    }

    #[test]
    fn no_answer_is_none() {
        assert_eq!(deepest(3, 3, |_, _| false), None);
    }

    #[test]
    fn pages_far_below_others_are_seen_or_at_least_given_back() {
        let mut pool = StackPool::new();
        let size = StackSize::bytes(4 * SURE);
        let stack = pool.take(size).unwrap();
        // SAFETY: both are inside the stack, which is ours.
        let write = |below: usize| unsafe { stack.low().add(stack.size() - below).write(1) };
        write(1);
        write(SURE);
        assert_eq!(touched(&stack), SURE.next_multiple_of(page_size()));
        write(3 * SURE);
        assert_eq!(touched(&stack), SURE.next_multiple_of(page_size()));
        pool.give_back(stack);
        let stack = pool.take(size).unwrap();
        // SAFETY: as above.
        let there = unsafe { stack.low().add(stack.size() - 3 * SURE).read() };
        assert_eq!((touched(&stack), there), (page_size(), 0));
        pool.give_back(stack);
    }
}
