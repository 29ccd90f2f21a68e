//! The load: the program wrk.

use std::process::Command;

use super::{Case, DEPTH, Figures};
use crate::Result;
use crate::process::Server;

/// Puts the load of a case on the server.
pub(super) fn load(server: &Server, case: &Case, connections: usize, seconds: usize) -> Result<Figures> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "--timeout", "10s"])
        .arg(format!("-c{connections}"))
        .arg(format!("-d{seconds}s"));
    match case.name {
        "pipelined" => {
            wrk.arg("-s")
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/pipelined.lua"));
        }
        "tls-connects" => {
            wrk.args(["-H", "Connection: close"]);
        }
        _ => {}
    }
    let scheme = if case.tls { "https" } else { "http" };
    wrk.arg(format!("{scheme}://{}{}", server.address, case.path));
    if case.name == "pipelined" {
        // The rest is for the script.
        wrk.arg(DEPTH.to_string());
    }
    let (memory, cpu) = (server.peak_memory().unwrap_or(f64::NAN), server.cpu_time()?);
    let output = wrk.output()?;
    let cpu = server.cpu_time()? - cpu;
    let memory = server.peak_memory().unwrap_or(f64::NAN) - memory;
    let printed = String::from_utf8_lossy(&output.stdout);
    let failed = ["Socket errors", "Non-2xx"].iter().any(|error| printed.contains(error));
    // `12345 requests in 2.00s, 1.23MB read`
    let count = printed.lines().find_map(|line| line.trim().split_once(" requests in "));
    let count = count.and_then(|(count, rest)| {
        let (seconds, _) = rest.split_once("s,")?;
        Some((count.parse::<f64>().ok()?, seconds.parse::<f64>().ok()?))
    });
    match count {
        Some((count, seconds)) if output.status.success() && !failed && count > 0.0 => Ok(Figures {
            requests_per_second: count / seconds,
            cpu: cpu.as_secs_f64() * 1e6 / count,
            memory: memory * 1024.0 / connections as f64,
        }),
        _ => Err(format!("wrk: {printed}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
