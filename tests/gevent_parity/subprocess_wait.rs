//! The returncode of a child is known when it has ended: its exit code, or a signal, negative.

use gevent::subprocess::Popen;

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    for script in ["exit 0", "exit 3", "kill -TERM $$", "kill -KILL $$"] {
        let popen = Popen::new(["sh", "-c", script])?;
        println!("before: {}", show(popen.returncode()));
        println!("wait: {}, {}", popen.wait()?, popen.wait()?);
        println!("after: {}, {}", show(popen.returncode()), show(popen.poll()?));
    }
    let popen = Popen::new(["sleep", "100"])?;
    println!("running: {}", show(popen.poll()?));
    popen.terminate()?;
    println!("terminated: {}", popen.wait()?);
    popen.kill()?;
    println!("args: {}", popen.args()[0].display());
    Ok(())
}
