//! `farewell explore`: stateright's Explorer, for a browser on this machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::args;
use super::output::Out;
use super::registry::{Registry, Setup};
use super::{Failure, Status, names};
use crate::rules::Profile;

pub(super) fn run(
    a: &args::Explore,
    registry: &Registry,
    out: &mut Out,
) -> Result<Status, Failure> {
    let subject = names::scenario(registry, &a.scenario)?;
    let setup = Setup {
        size: a.size.into(),
        profile: Profile::default(),
        off: names::rules(&a.without)?,
        saturated: !a.plain,
        liveness: false,
        judged: None,
    };
    // The Explorer would panic on an address that is taken: ask first.
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, a.port));
    let taken = |e: std::io::Error| {
        Failure::usage(format!(
            "cannot listen on {wanted}: {e}; another --port may do"
        ))
    };
    let at = TcpListener::bind(wanted)
        .and_then(|l| l.local_addr())
        .map_err(taken)?;
    out.line(&format!(
        "{} at http://{at}/ (Ctrl-C ends it)",
        subject.card().id
    ));
    out.flush();
    subject.explore(&setup, at);
    Ok(Status::Fine)
}
