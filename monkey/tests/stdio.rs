//! The C library's streams, and its commands, in virtual threads.

mod team;

use std::ffi::{CStr, CString};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::ptr::null_mut;
use std::thread;
use std::time::Duration;

use gevent_monkey::stats;
use gevent_threading::spawn;
use libc::{FILE, c_char, c_int};
use team::{as_in_thread, killed, parked, test};

unsafe extern "C" {
    static stdin: *mut FILE;
    fn getline(line: *mut *mut c_char, size: *mut usize, stream: *mut FILE) -> isize;
    fn getdelim(line: *mut *mut c_char, size: *mut usize, delimiter: c_int, stream: *mut FILE) -> isize;
    fn getc(stream: *mut FILE) -> c_int;
    fn getchar() -> c_int;
    fn flockfile(stream: *mut FILE);
    fn funlockfile(stream: *mut FILE);
}

/// A stream of its own.
struct Stream(*mut FILE);

// SAFETY: any thread may use a stream.
unsafe impl Send for Stream {}

impl Stream {
    fn new(reader: PipeReader) -> Stream {
        Stream::of(reader)
    }

    fn of(reader: impl IntoRawFd) -> Stream {
        // SAFETY: the descriptor is the stream's from now on.
        let stream = unsafe { libc::fdopen(reader.into_raw_fd(), c"r".as_ptr()) };
        assert!(!stream.is_null());
        Stream(stream)
    }

    fn fgets(&self, size: usize) -> Option<CString> {
        let mut place = vec![0x55_u8; size];
        // SAFETY: the place has the size that is told, and the stream is open.
        let got = unsafe { libc::fgets(place.as_mut_ptr().cast(), size as c_int, self.0) };
        (!got.is_null()).then(|| CStr::from_bytes_until_nul(&place).unwrap().to_owned())
    }

    fn fread(&self, size: usize, count: usize) -> Vec<u8> {
        let mut place = vec![0_u8; size * count];
        // SAFETY: the place has the size that is told, and the stream is open.
        let got = unsafe { libc::fread(place.as_mut_ptr().cast(), size, count, self.0) };
        place.truncate(got * size);
        place
    }

    fn delimited(&self, delimiter: Option<u8>) -> Option<Vec<u8>> {
        let (mut line, mut size) = (null_mut(), 0);
        // SAFETY: both are variables; the line is freed once.
        unsafe {
            let (place, room) = (&raw mut line, &raw mut size);
            let got = match delimiter {
                None => getline(place, room, self.0),
                Some(delimiter) => getdelim(place, room, delimiter.into(), self.0),
            };
            let text = (got >= 0).then(|| {
                assert_eq!(*line.add(got as usize), 0);
                std::slice::from_raw_parts(line.cast::<u8>(), got as usize).to_vec()
            });
            libc::free(line.cast());
            text
        }
    }

    fn getc(&self) -> c_int {
        // SAFETY: the stream is open.
        unsafe { getc(self.0) }
    }

    fn ends(&self) -> (bool, bool) {
        // SAFETY: the stream is open.
        unsafe { (libc::feof(self.0) != 0, libc::ferror(self.0) != 0) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the stream is closed once.
        unsafe { libc::fclose(self.0) };
    }
}

/// Has a real thread write pieces, with pauses, and close the pipe.
fn writes(mut writer: PipeWriter, pieces: &'static [&'static str]) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for piece in pieces {
            // Some do not read all of it.
            let _ = writer.write_all(piece.as_bytes());
            thread::sleep(Duration::from_millis(1));
        }
    })
}

fn stream_of(pieces: &'static [&'static str]) -> Stream {
    let (reader, writer) = pipe().unwrap();
    writes(writer, pieces);
    Stream::new(reader)
}

const PIECES: &[&str] = &["one\nt", "wo\n", "th", "re", "e\nfour\nfi", "ve", "\n\nend"];

/// A socket's own limit is that of a stream, too.
#[test]
fn a_read_of_a_stream_has_its_time() {
    test(|| {
        let (got, ends, errno) = as_in_thread(|| {
            let (socket, _open) = team::pair();
            socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            let stream = Stream::of(socket);
            let got = stream.getc();
            let errno = std::io::Error::last_os_error().raw_os_error();
            (got, stream.ends(), errno)
        });
        assert_eq!((got, ends, errno), (libc::EOF, (false, true), Some(libc::EAGAIN)));
    });
}

#[test]
fn streams_are_read_as_in_threads() {
    test(|| {
        let before = stats().parked;
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            let lines: Vec<_> = std::iter::from_fn(|| stream.fgets(100)).collect();
            (lines, stream.ends())
        });
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            std::iter::from_fn(|| stream.fgets(4)).collect::<Vec<_>>()
        });
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            let lines: Vec<_> = std::iter::from_fn(|| stream.delimited(None)).collect();
            (lines, stream.ends())
        });
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            std::iter::from_fn(|| stream.delimited(Some(b'e'))).collect::<Vec<_>>()
        });
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            (
                stream.fread(1, 7),
                stream.fread(3, 4),
                stream.fread(4, 100),
                stream.ends(),
            )
        });
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            let bytes: Vec<_> = std::iter::from_fn(|| Some(stream.getc()).filter(|byte| *byte >= 0)).collect();
            (bytes, stream.getc(), stream.ends())
        });
        // Without a buffer.
        as_in_thread(|| {
            let stream = stream_of(PIECES);
            // SAFETY: the stream is open, and was not read from.
            unsafe { libc::setvbuf(stream.0, null_mut(), libc::_IONBF, 0) };
            (
                stream.fgets(100),
                stream.fread(1, 5),
                stream.delimited(None),
                stream.getc(),
            )
        });
        // A byte that was put back is read, and then the others of the buffer.
        as_in_thread(|| {
            let stream = stream_of(&["abcdef\n"]);
            let first = stream.getc();
            // SAFETY: the stream is open.
            unsafe { libc::ungetc(c_int::from(b'X'), stream.0) };
            let rest = (stream.getc(), stream.fgets(100));
            // SAFETY: as above.
            unsafe { libc::ungetc(c_int::from(b'Y'), stream.0) };
            (first, rest, stream.fread(1, 3))
        });
        // A long line.
        as_in_thread(|| {
            let (reader, mut writer) = pipe().unwrap();
            thread::spawn(move || writer.write_all(&[b'x'; 100_000]).unwrap());
            Stream::new(reader).delimited(None).map(|line| line.len())
        });
        assert!(stats().parked > before);
    });
}

#[test]
fn files_and_descriptors_that_do_not_block_are_read_at_once() {
    test(|| {
        let before = stats().parked;
        as_in_thread(|| {
            // SAFETY: both are texts.
            let stream = Stream(unsafe { libc::fopen(c"/proc/self/exe".as_ptr(), c"r".as_ptr()) });
            (
                stream.fread(1, 4),
                stream.fread(100, 100).len(),
                stream.delimited(None).is_some(),
            )
        });
        as_in_thread(|| {
            let (reader, _writer) = pipe().unwrap();
            // SAFETY: the descriptor is open.
            unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
            let stream = Stream::new(reader);
            let got = (stream.getc(), std::io::Error::last_os_error().raw_os_error());
            (got, stream.ends())
        });
        as_in_thread(|| {
            let mut bytes = *b"of memory\n";
            // SAFETY: the bytes outlive the stream.
            let stream = Stream(unsafe { libc::fmemopen(bytes.as_mut_ptr().cast(), bytes.len(), c"r".as_ptr()) });
            (stream.fgets(100), stream.getc())
        });
        assert_eq!(stats().parked, before);
    });
}

/// Other virtual threads get on while one waits for a line.
#[test]
fn many_streams_are_read_at_once() {
    test(|| {
        let (readers, writers): (Vec<_>, Vec<_>) = (0..50).map(|_| pipe().unwrap()).unzip();
        let lines: Vec<_> = readers
            .into_iter()
            .map(|reader| parked(move || Stream::new(reader).fgets(100)))
            .collect();
        for (number, mut writer) in writers.into_iter().enumerate().rev() {
            writeln!(writer, "{number}").unwrap();
        }
        for (number, line) in lines.into_iter().enumerate() {
            assert_eq!(
                line.join().unwrap().unwrap().to_bytes(),
                format!("{number}\n").as_bytes()
            );
        }
    });
}

/// Whoever holds the lock of a stream blocks: the others would wait for him for ever.
#[test]
fn a_locked_stream_is_not_waited_for() {
    test(|| {
        let (reader, writer) = pipe().unwrap();
        let stream = Stream::new(reader);
        let before = stats().parked;
        writes(writer, PIECES);
        let thread = spawn(move || {
            // SAFETY: the stream is open; it is unlocked as often as locked.
            unsafe { flockfile(stream.0) };
            let line = stream.fgets(100);
            let parked = stats().parked;
            // SAFETY: as above.
            unsafe { funlockfile(stream.0) };
            (line.is_some(), parked)
        });
        assert_eq!(thread.join().unwrap(), (true, before));
    });
}

/// The standard input of this process, which is a pipe for the while.
#[test]
fn the_standard_input_is_waited_for() {
    test(|| {
        let (reader, mut writer) = pipe().unwrap();
        // SAFETY: both descriptors are open.
        let old = unsafe {
            let old = libc::dup(0);
            libc::dup2(reader.as_raw_fd(), 0);
            old
        };
        let line = parked(|| {
            // SAFETY: the C library's stream is open.
            let stream = std::mem::ManuallyDrop::new(Stream(unsafe { stdin }));
            // SAFETY: as above.
            (stream.fgets(100), stream.delimited(None), unsafe { getchar() })
        });
        writer.write_all(b"a line\n").unwrap();
        writer.write_all(b"another\nx").unwrap();
        let (first, second, third) = line.join().unwrap();
        assert_eq!(first.unwrap().to_bytes(), b"a line\n");
        assert_eq!(
            (second.unwrap().as_slice(), third),
            (&b"another\n"[..], c_int::from(b'x'))
        );
        // SAFETY: the old one is put back.
        unsafe {
            libc::dup2(old, 0);
            libc::close(old);
        }
    });
}

#[test]
fn commands_run_at_once() {
    test(|| {
        let commands: Vec<_> = (0..30)
            .map(|number| {
                spawn(move || {
                    let text = CString::new(format!("sleep 0.02; exit {}", number % 5)).unwrap();
                    // SAFETY: the command is a text.
                    unsafe { libc::system(text.as_ptr()) }
                })
            })
            .collect();
        for (number, command) in commands.into_iter().enumerate() {
            assert_eq!(command.join().unwrap(), (number as c_int % 5) << 8);
        }
        // A command blocks what its caller does.
        as_in_thread(|| {
            let command = c"test $(grep SigBlk /proc/self/status | cut -f2) = 0000000000000800";
            // SAFETY: the set is a variable, and is the thread's again in the end; the command is a text.
            unsafe {
                let before = team::mask(&[]);
                let blocks = team::mask(&[libc::SIGUSR2]);
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const blocks, null_mut());
                let status = libc::system(command.as_ptr());
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, null_mut());
                assert_eq!(status, 0);
            }
        });
        // SAFETY: null asks for a shell.
        assert_ne!(as_in_thread(|| unsafe { libc::system(std::ptr::null()) }), 0);
    });
}

fn popen(command: &CStr) -> Stream {
    // SAFETY: both are texts.
    let stream = unsafe { libc::popen(command.as_ptr(), c"r".as_ptr()) };
    assert!(!stream.is_null());
    Stream(stream)
}

fn pclose(stream: Stream) -> c_int {
    // SAFETY: the stream is closed once.
    unsafe { libc::pclose(std::mem::ManuallyDrop::new(stream).0) }
}

#[test]
fn pipes_of_commands_are_read_and_closed() {
    test(|| {
        let commands: Vec<_> = (0..20)
            .map(|number| {
                spawn(move || {
                    let text = CString::new(format!("sleep 0.02; echo {number}; sleep 0.02; exit {number}")).unwrap();
                    let stream = popen(&text);
                    (stream.fgets(100), pclose(stream))
                })
            })
            .collect();
        for (number, command) in commands.into_iter().enumerate() {
            let (line, status) = command.join().unwrap();
            assert_eq!(line.unwrap().to_bytes(), format!("{number}\n").as_bytes());
            assert_eq!(status, (number as c_int) << 8);
        }
    });
}

#[test]
fn a_kill_ends_each_wait() {
    test(|| {
        let canceled = Some(libc::ECANCELED);
        let reads: [fn(&Stream) -> bool; 4] = [
            |stream| stream.fgets(100).is_none(),
            |stream| stream.delimited(None).is_none(),
            |stream| stream.fread(1, 100).is_empty(),
            |stream| stream.getc() == libc::EOF,
        ];
        for read in reads {
            let (reader, writer) = pipe().unwrap();
            let stream = Stream::new(reader);
            let ((failed, ends, stream), errno) = killed(move || {
                let failed = read(&stream);
                let errno = std::io::Error::last_os_error();
                let ends = stream.ends();
                // SAFETY: the place is this thread's own.
                unsafe { *libc::__errno_location() = errno.raw_os_error().unwrap_or(0) };
                (failed, ends, stream)
            });
            assert_eq!((failed, ends, errno), (true, (false, true), canceled));
            // It can be read from later.
            // SAFETY: the stream is open.
            unsafe { libc::clearerr(stream.0) };
            writes(writer, &["later\n"]).join().unwrap();
            assert_eq!(
                spawn(move || stream.fgets(100)).join().unwrap().unwrap().to_bytes(),
                b"later\n"
            );
        }
        // The command goes on, and ends.
        // SAFETY: the command is a text.
        killed(|| unsafe { libc::system(c"sleep 0.05".as_ptr()) });
        // SAFETY: as above.
        let ended = killed(|| unsafe { libc::system(c"sleep 0.05".as_ptr()) });
        assert_eq!(ended, (-1, canceled));
        let stream = popen(c"sleep 0.05");
        let (status, errno) = {
            let waiting = stats().waiting;
            let victim = parked(move || (pclose(stream), gevent_monkey::take_exception().is_some()));
            team::kill();
            let (status, thrown) = victim.join().unwrap();
            team::until(|| stats().waiting == waiting);
            (status, thrown)
        };
        assert_eq!((status, errno), (-1, true));
    });
}

unsafe extern "C" {
    static mut stdout: *mut FILE;
}

/// A read of a stream that has lines writes out what of a line is in stdout.
#[test]
fn a_prompt_is_seen_while_its_answer_is_waited_for() {
    test(|| {
        let (questions, asked) = pipe().unwrap();
        let asked = asked.into_raw_fd();
        // SAFETY: the descriptor is the stream's from now on. Nobody else uses stdout meanwhile, as all of this program
        // is Rust, which has its own.
        let (before, after) = unsafe {
            let stream = libc::fdopen(asked, c"w".as_ptr());
            libc::setvbuf(stream, null_mut(), libc::_IOLBF, 0);
            let before = stdout;
            stdout = stream;
            (before, stream)
        };
        let mut questions = questions;
        for ask in [
            (|f| f()) as fn(Box<dyn FnOnce() -> (Option<CString>, c_int) + Send>) -> (Option<CString>, c_int),
            |f| spawn(f).join().unwrap(),
        ] {
            let (reader, mut writer) = pipe().unwrap();
            let answers = Stream::new(reader);
            // SAFETY: the stream is new.
            unsafe { libc::setvbuf(answers.0, null_mut(), libc::_IOLBF, 0) };
            let mut theirs = questions.try_clone().unwrap();
            let person = thread::spawn(move || {
                let mut question = [0; 6];
                theirs.read_exact(&mut question).unwrap();
                assert_eq!(&question, b"name? ");
                writer.write_all(b"me\n").unwrap();
            });
            let program = move || {
                // SAFETY: the stream is open.
                unsafe { libc::fputs(c"name? ".as_ptr(), stdout) };
                let answers = answers;
                (answers.fgets(10), answers.ends().1.into())
            };
            assert_eq!(ask(Box::new(program)), (Some(c"me\n".to_owned()), 0));
            person.join().unwrap();
        }
        // SAFETY: as above.
        unsafe {
            stdout = before;
            libc::fclose(after);
        }
        assert_eq!(questions.read(&mut [0; 10]).unwrap(), 0);
    });
}

/// A stream of memory has no descriptor, and that is no error.
#[test]
fn the_errno_of_a_read_that_succeeds_stays() {
    test(|| {
        let got = as_in_thread(|| {
            let mut memory = *b"ab";
            // SAFETY: the memory is there until the stream is closed; the place of the number is this thread's.
            unsafe {
                let stream = Stream(libc::fmemopen(memory.as_mut_ptr().cast(), 2, c"r".as_ptr()));
                *libc::__errno_location() = 77;
                (stream.getc(), stream.getc(), stream.getc(), *libc::__errno_location())
            }
        });
        assert_eq!(got, (97, 98, libc::EOF, 77));
    });
}
