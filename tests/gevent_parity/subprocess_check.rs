//! `call`, `check_call` and `check_output`.

use gevent::subprocess::{CalledProcessError, Command, Run, STDOUT, call, check_call, check_output, check_output_with};

use super::common::{TestResult, name, show};

pub(crate) fn main() -> TestResult {
    println!("call: {}", call(["sh", "-c", "exit 3"])?);
    println!("shell: {}", call(Command::shell("exit 3 | exit 4"))?);
    check_call(["true"])?;
    if let Err(exception) = check_call(["false"])
        && let Some(error) = exception.downcast_ref::<CalledProcessError>()
    {
        let (cmd, output) = (error.cmd[0].display(), show(error.output.as_deref().map(bytes)));
        println!("{} {cmd} {} {output}", name(&exception), error.returncode);
    }
    println!(
        "output: {}",
        String::from_utf8(check_output(["echo", "hello"])?)?.trim()
    );
    println!(
        "input: {}",
        String::from_utf8(check_output_with(["cat"], Run::default().input("pear"))?)?
    );
    let both = check_output(Command::shell("echo a; echo b >&2").stderr(STDOUT))?;
    let both: Vec<_> = both
        .split(|c| *c == b'\n')
        .filter(|line| !line.is_empty())
        .map(bytes)
        .collect();
    println!("both: [{}]", both.join(", "));
    if let Err(exception) = check_output(["sh", "-c", "echo partly; kill -TERM $$"])
        && let Some(error) = exception.downcast_ref::<CalledProcessError>()
    {
        let output = show(error.output.as_deref().map(bytes));
        println!("{} {} {output}", name(&exception), error.returncode);
    }
    Ok(())
}

fn bytes(text: &[u8]) -> String {
    format!("b'{}'", text.escape_ascii())
}
