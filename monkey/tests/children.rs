//! Waits for processes in virtual threads.

use std::process::Command;

use gevent_threading::spawn;

#[test]
fn a_hundred_commands_at_once() {
    gevent_monkey::patch_all().unwrap();
    let commands: Vec<_> = (0..100)
        .map(|number| {
            spawn(move || {
                let script = format!("sleep 0.05; echo {number}; exit {}", number % 7);
                let output = Command::new("sh").args(["-c", &script]).output().unwrap();
                (output.status.code(), String::from_utf8(output.stdout).unwrap())
            })
        })
        .collect();
    for (number, command) in commands.into_iter().enumerate() {
        let expected = (Some(number as i32 % 7), format!("{number}\n"));
        assert_eq!(command.join().unwrap(), expected);
    }
}
