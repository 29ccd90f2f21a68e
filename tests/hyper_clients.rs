//! Real clients of the example `hyper_server`: curl and h2load.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::process::Command;

use common::installed::installed;
use common::process::{Process, example};
use common::{Result, SOON};

/// The example, and the beginning of its URLs.
fn server() -> Result<(Process, String)> {
    let server = Process::spawn(example("hyper_server")?.arg("127.0.0.1:0"))?;
    let line = server.stdout().line_with("Serving on ", 0, SOON)?;
    let address = line.strip_prefix("Serving on ").ok_or("it tells its address")?;
    let url = format!("http://{address}");
    Ok((server, url))
}

/// What a program prints, which must succeed.
fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let ended = Process::spawn(Command::new(program).args(arguments))?.wait(SOON)?;
    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{program} {arguments:?}: {output}");
    Ok(ended.stdout)
}

fn curl(arguments: &[&str]) -> Result<String> {
    output(
        "curl",
        &[&["--silent", "--show-error", "--noproxy", "*"], arguments].concat(),
    )
}

#[test]
fn curl_asks_by_both_versions() -> Result {
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let (server, url) = server()?;
    let [root, slow, none, echo] = ["/", "/slow", "/none", "/echo"].map(|path| format!("{url}{path}"));
    let told = ["--write-out", " %{http_version} %{http_code} %{num_connects}\\n"];
    // Debian's curl cannot use a connection of HTTP/2 twice, whatever the server.
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let pages = [
            (&root, "hello world", 200),
            (&slow, "good morning", 200),
            (&none, "there is no such page", 404),
        ];
        for (page, text, status) in pages {
            let answer = curl(&[&[option], &told[..], &[page]].concat())?;
            assert_eq!(answer, format!("{text} {version} {status} 1"));
        }
        let sent = "0123456789".repeat(10_000);
        assert!(curl(&[option, "--header", "Expect:", "--data-binary", &sent, &echo])? == sent);
    }
    let answers = curl(&[&["--http1.1"], &told[..], &[&root, &slow]].concat())?;
    assert_eq!(answers, "hello world 1.1 200 1\ngood morning 1.1 200 0");
    assert_eq!(server.stderr().text(), "");
    Ok(())
}

#[test]
fn h2load_asks_over_many_streams() -> Result {
    if !installed(&["h2load"], "nghttp2-client") {
        return Ok(());
    }
    let (server, url) = server()?;
    for path in ["/", "/slow"] {
        let page = format!("{url}{path}");
        let report = output("h2load", &["-n", "2000", "-c", "5", "-m", "100", &page])?;
        assert!(
            report.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"),
            "{report}"
        );
    }
    assert_eq!(server.stderr().text(), "");
    Ok(())
}
