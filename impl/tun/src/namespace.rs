//! A network namespace of its own, for programs that let the kernel's TCP talk: made by `unshare`, gone when they end.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Why it cannot run on this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// The kernel has no TUN.
    #[error("there is no /dev/net/tun")]
    NoTun,
    /// util-linux.
    #[error("there is no `unshare` (util-linux)")]
    NoUnshare,
    /// Namespaces are not allowed.
    #[error("`unshare` may not make a network namespace: be root, or allow user namespaces")]
    NotAllowed,
    /// Something else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs this program again, in a namespace, with the same arguments behind `marker`.
///
/// # Errors
///
/// There can be no namespace, or no TUN.
pub fn run_inside(marker: &str) -> Result<ExitStatus, NamespaceError> {
    if !Path::new("/dev/net/tun").exists() {
        return Err(NamespaceError::NoTun);
    }
    let flags = if rustix::process::geteuid().is_root() {
        "-n"
    } else {
        "-rn"
    };
    let unshare = |command: &Path| {
        let mut unshare = Command::new("unshare");
        unshare.args([flags, "--"]).arg(command);
        unshare
    };
    match unshare(Path::new("true")).output() {
        Ok(output) if output.status.success() => {}
        Ok(_) => return Err(NamespaceError::NotAllowed),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(NamespaceError::NoUnshare),
        Err(e) => return Err(e.into()),
    }
    let mut command = unshare(&env::current_exe()?);
    Ok(command.arg(marker).args(env::args_os().skip(1)).status()?)
}

/// Whether the namespace is new: it has nothing but a loopback interface.
///
/// # Errors
///
/// There is no `/proc`.
pub fn is_new() -> io::Result<bool> {
    let interfaces = fs::read_to_string("/proc/self/net/dev")?;
    let mut names = interfaces.lines().filter_map(|l| l.split_once(':'));
    Ok(names.all(|(name, _)| name.trim() == "lo"))
}
