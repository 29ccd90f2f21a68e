//! Finding the frames in a copy of a stack, by the unwind tables of the program and its libraries.

use std::ffi::{c_int, c_void};
use std::slice;

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, EvaluationResult, NativeEndian, Pointer, Register,
    RegisterRule, UnwindContext, UnwindExpression, UnwindSection, Value,
};

use super::machine::{FRAME, REGISTERS, RETURN, Registers, STACK, plain};

/// How many frames are looked for at most.
const MOST_FRAMES: usize = 256;

type Bytes<'a> = EndianSlice<'a, NativeEndian>;

/// A copy of a part of a stack.
pub(super) struct Copied<'a> {
    /// The address of its first byte in the original.
    pub(super) from: usize,
    pub(super) bytes: &'a [u8],
}

impl Copied<'_> {
    /// The word at an address; none if it was not copied.
    fn word(&self, address: usize) -> Option<usize> {
        let at = address.checked_sub(self.from)?;
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        Some(usize::from_ne_bytes(*bytes))
    }
}

/// How the walk goes on after a frame.
enum Caller {
    /// This is the caller, and whether the frame was that of a signal, which is no call.
    Found(Registers, bool),
    /// The frame is the outermost one.
    None,
    /// Nothing is known of the caller.
    Unknown,
}

/// The addresses of the frames, and whether these are all.
pub(super) fn walk(innermost: &Registers, stack: &Copied<'_>) -> (Vec<usize>, bool) {
    let mut context = UnwindContext::new();
    // The innermost address is made to look like a return address, too.
    let mut addresses = vec![innermost.pc + 1];
    let mut frame = *innermost;
    let mut called = false;
    while addresses.len() < MOST_FRAMES {
        // A call may be the last instruction of its function: then the return address is that of another function.
        let at = frame.pc - usize::from(called);
        let caller = match with_module(at, |module| caller(module, &mut context, &frame, at, stack)) {
            Some(Ok(caller)) => caller,
            None | Some(Err(_)) if called => by_frame_pointer(&frame, stack),
            None | Some(Err(_)) => from_a_stub(&frame, stack).unwrap_or_else(|| by_frame_pointer(&frame, stack)),
        };
        match caller {
            Caller::Found(next, _) if next.pc == 0 => return (addresses, true),
            Caller::Found(next, signal) if next.numbered[STACK] > frame.numbered[STACK] || signal || !called => {
                called = !signal;
                addresses.push(next.pc + usize::from(signal));
                frame = next;
            }
            Caller::None => return (addresses, true),
            Caller::Found(..) | Caller::Unknown => break,
        }
    }
    (addresses, false)
}

/// The unwind tables of the program or of a library.
struct Module<'a> {
    header: Bytes<'a>,
    frames: Bytes<'a>,
    bases: BaseAddresses,
}

/// Finds the caller of a frame.
fn caller(
    module: &Module<'_>,
    context: &mut UnwindContext<usize>,
    frame: &Registers,
    at: usize,
    stack: &Copied<'_>,
) -> gimli::Result<Caller> {
    let parsed = EhFrameHdr::from(module.header).parse(&module.bases, size_of::<usize>() as u8)?;
    let table = parsed.table().ok_or(gimli::Error::NoUnwindInfoForAddress)?;
    let frames = EhFrame::from(module.frames);
    let entry = table.fde_for_address(&frames, &module.bases, at as u64, EhFrame::cie_from_offset)?;
    let row = entry.unwind_info_for_address(&frames, &module.bases, context, at as u64)?;
    let evaluate = |expression: &UnwindExpression<usize>, first: Option<usize>| {
        evaluate(expression, &frames, entry.cie().encoding(), frame, stack, first)
    };
    let cfa = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            let base = frame.numbered.get(usize::from(register.0));
            base.map(|base| base.wrapping_add_signed(*offset as isize))
        }
        CfaRule::Expression(expression) => evaluate(expression, None)?,
    };
    let Some(cfa) = cfa else { return Ok(Caller::Unknown) };
    let mut next = *frame;
    next.numbered[STACK] = cfa;
    let mut return_address = None;
    for number in 0..REGISTERS {
        let rule = row.register(Register(number as u16));
        let value = match rule {
            // The register is what it is here: nothing tells that it was changed.
            None | Some(RegisterRule::SameValue) => continue,
            Some(RegisterRule::Undefined) if number == RETURN => return Ok(Caller::None),
            Some(RegisterRule::Undefined) => continue,
            Some(RegisterRule::Offset(offset)) => stack.word(cfa.wrapping_add_signed(offset as isize)),
            Some(RegisterRule::ValOffset(offset)) => Some(cfa.wrapping_add_signed(offset as isize)),
            Some(RegisterRule::Register(other)) => frame.numbered.get(usize::from(other.0)).copied(),
            Some(RegisterRule::Expression(expression)) => {
                evaluate(&expression, Some(cfa))?.and_then(|address| stack.word(address))
            }
            Some(RegisterRule::ValExpression(expression)) => evaluate(&expression, Some(cfa))?,
            Some(RegisterRule::Constant(value)) => Some(value as usize),
            Some(_) => None,
        };
        if number == RETURN {
            let Some(value) = value else { return Ok(Caller::Unknown) };
            return_address = Some(value);
        }
        // If a later frame needs a register that is not known, the walk ends there.
        next.numbered[number] = value.unwrap_or(0);
    }
    let signal = entry.is_signal_trampoline();
    next.pc = match return_address {
        Some(address) => plain(address),
        // A function that calls no other may leave its return address in the register, where there is one.
        None if cfg!(target_arch = "aarch64") && frame.pc == at => plain(frame.numbered[RETURN]),
        None => return Ok(Caller::Unknown),
    };
    Ok(Caller::Found(next, signal))
}

/// The value of an expression of the tables; none if it needs what is not known.
fn evaluate(
    expression: &UnwindExpression<usize>,
    frames: &EhFrame<Bytes<'_>>,
    encoding: gimli::Encoding,
    frame: &Registers,
    stack: &Copied<'_>,
    first: Option<usize>,
) -> gimli::Result<Option<usize>> {
    let mut evaluation = expression.get(frames)?.evaluation(encoding);
    if let Some(first) = first {
        evaluation.set_initial_value(first as u64);
    }
    let mut result = evaluation.evaluate()?;
    loop {
        let known = match result {
            EvaluationResult::Complete => return Ok(evaluation.value_result().and_then(word_of)),
            EvaluationResult::RequiresRegister { register, .. } => frame.numbered.get(usize::from(register.0)).copied(),
            EvaluationResult::RequiresMemory { address, .. } => stack.word(address as usize),
            _ => None,
        };
        let Some(known) = known else { return Ok(None) };
        let known = Value::Generic(known as u64);
        result = match result {
            EvaluationResult::RequiresRegister { .. } => evaluation.resume_with_register(known)?,
            _ => evaluation.resume_with_memory(known)?,
        };
    }
}

fn word_of(value: Value) -> Option<usize> {
    value.to_u64(u64::MAX).ok().map(|word| word as usize)
}

/// Finds the caller of the innermost frame, if that is a stub between a program and a library. Some linkers make no
/// tables for these. They only jump, so the return address is where the call has put it.
fn from_a_stub(frame: &Registers, stack: &Copied<'_>) -> Option<Caller> {
    let mut next = *frame;
    if cfg!(target_arch = "aarch64") {
        next.pc = plain(frame.numbered[RETURN]);
    } else {
        next.pc = stack.word(frame.numbered[STACK])?;
        next.numbered[STACK] = frame.numbered[STACK].wrapping_add(size_of::<usize>());
    }
    // What is no address of code is no return address.
    with_module(next.pc, |_| ())?;
    Some(Caller::Found(next, false))
}

/// Finds the caller of a frame of code without a table, such as that of a compiler at run time, by the frame pointer,
/// if it looks like one.
fn by_frame_pointer(frame: &Registers, stack: &Copied<'_>) -> Caller {
    let pointer = frame.numbered[FRAME];
    if pointer < frame.numbered[STACK] {
        return Caller::Unknown;
    }
    let (Some(above), Some(pc)) = (
        stack.word(pointer),
        stack.word(pointer.wrapping_add(size_of::<usize>())),
    ) else {
        return Caller::Unknown;
    };
    let mut next = *frame;
    next.pc = plain(pc);
    next.numbered[FRAME] = above;
    next.numbered[STACK] = pointer.wrapping_add(2 * size_of::<usize>());
    Caller::Found(next, false)
}

/// Calls `look` with the tables of the module that has code at the address, if there are any. The loader unloads no
/// library meanwhile.
fn with_module<R>(address: usize, mut look: impl FnMut(&Module<'_>) -> R) -> Option<R> {
    struct Search<'a, R> {
        address: usize,
        look: &'a mut dyn FnMut(&Module<'_>) -> R,
        found: Option<R>,
    }

    /// # Safety
    /// Only `dl_iterate_phdr` calls this, with a `Search`.
    unsafe extern "C" fn each<R>(info: *mut libc::dl_phdr_info, _: libc::size_t, data: *mut c_void) -> c_int {
        // SAFETY: by this function's contract, for the length of the call.
        let (search, info) = unsafe { (&mut *data.cast::<Search<'_, R>>(), &*info) };
        // SAFETY: the loader keeps its modules mapped during the call.
        if let Some(module) = unsafe { tables(info, search.address) } {
            search.found = Some((search.look)(&module));
            return 1;
        }
        0
    }

    let mut search = Search {
        address,
        look: &mut look,
        found: None,
    };
    // SAFETY: `each` gets the search that it needs. It does not unwind: a panic would abort.
    unsafe { libc::dl_iterate_phdr(Some(each::<R>), (&raw mut search).cast()) };
    search.found
}

/// The tables of a module, if it has code at the address.
///
/// # Safety
/// The module stays mapped as long as the result is used.
unsafe fn tables(info: &libc::dl_phdr_info, address: usize) -> Option<Module<'_>> {
    let base = info.dlpi_addr as usize;
    if info.dlpi_phdr.is_null() {
        return None;
    }
    // SAFETY: the loader says how many headers there are.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let start = |header: &libc::Elf64_Phdr| base.wrapping_add(header.p_vaddr as usize);
    let segments = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let segment_of = |address: usize| {
        let mut segments = segments.clone();
        segments.find(|header| (start(header)..start(header) + header.p_memsz as usize).contains(&address))
    };
    let code = segment_of(address).filter(|header| header.p_flags & libc::PF_X != 0)?;
    let header = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
    let header_at = start(header);
    // SAFETY: by this function's contract; the header's segment is loaded.
    let header_bytes = unsafe { bytes(header_at, header.p_memsz as usize) };
    let bases = BaseAddresses::default()
        .set_eh_frame_hdr(header_at as u64)
        .set_text(start(code) as u64);
    let parsed = EhFrameHdr::from(header_bytes)
        .parse(&bases, size_of::<usize>() as u8)
        .ok()?;
    let Pointer::Direct(frames_at) = parsed.eh_frame_ptr() else {
        return None;
    };
    let frames_at = frames_at as usize;
    // The table's length is in no program header; it ends with its segment at the latest.
    let segment = segment_of(frames_at)?;
    let end = start(segment) + segment.p_filesz as usize;
    Some(Module {
        header: header_bytes,
        // SAFETY: as above.
        frames: unsafe { bytes(frames_at, end.checked_sub(frames_at)?) },
        bases: bases.set_eh_frame(frames_at as u64),
    })
}

/// # Safety
/// The bytes can be read as long as the result is used, and nobody changes them.
unsafe fn bytes<'a>(at: usize, len: usize) -> Bytes<'a> {
    // SAFETY: by this function's contract.
    let bytes = unsafe { slice::from_raw_parts(std::ptr::with_exposed_provenance(at), len) };
    EndianSlice::new(bytes, NativeEndian)
}
