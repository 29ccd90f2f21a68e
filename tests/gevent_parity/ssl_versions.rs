//! The version of TLS that is spoken: the newest that both sides have, or none.

use gevent::ssl::{SSLContext, TLSVersion};

use super::common::{TestResult, show};
use super::common_ssl::{client_context, outcome, server_context, shaking};

const OLD: TLSVersion = TLSVersion::TLSv1_2;
const NEW: TLSVersion = TLSVersion::TLSv1_3;

fn set(context: &mut SSLContext, versions: [TLSVersion; 2]) -> String {
    context.set_minimum_version(versions[0]);
    context.set_maximum_version(versions[1]);
    versions.map(|version| format!("{version:?}")).join(" to ")
}

pub(crate) fn main() -> TestResult {
    for (ours, theirs) in [
        ([OLD, NEW], [OLD, NEW]),
        ([OLD, OLD], [OLD, NEW]),
        ([OLD, NEW], [OLD, OLD]),
        ([NEW, NEW], [OLD, NEW]),
        ([OLD, OLD], [NEW, NEW]),
        ([NEW, NEW], [OLD, OLD]),
    ] {
        let (mut client, mut server) = (client_context()?, server_context()?);
        let shown = [set(&mut client, ours), set(&mut server, theirs)];
        let (near, far) = shaking(&client, &server, "localhost")?;
        let outcomes = [outcome(&near)?, outcome(&far)?];
        println!("client {}, server {}: {}", shown[0], shown[1], outcomes.join(", "));
        if let (Ok(near), Ok(far)) = (near.get()?, far.get()?) {
            println!("  {}, {}", show(near.version()), show(far.version()));
        }
    }
    Ok(())
}
