//! A network namespace of its own, for programs that let the kernel's TCP talk: made by `unshare`, gone when they end.

use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The first argument of a program that was started in a namespace, as in `--inside=4:4026531840`: the one outside.
pub const INSIDE: &str = "--inside";

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
    /// What is done there would be done to somebody's network.
    #[error("this is no network namespace of its own: run it without {INSIDE}, it makes one")]
    NotInside,
    /// Something else.
    #[error("a network namespace: {0}")]
    Io(#[from] io::Error),
}

/// A command that runs `program` in a new namespace, as its root.
///
/// # Errors
///
/// There can be no namespace, or no TUN.
pub fn command(program: &Path) -> Result<Command, NamespaceError> {
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
        Ok(output) if output.status.success() => Ok(unshare(program)),
        Ok(_) => Err(NamespaceError::NotAllowed),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(NamespaceError::NoUnshare),
        Err(e) => Err(e.into()),
    }
}

/// Becomes this program again, in a namespace, with these arguments behind [`INSIDE`]. It stays the same process, so that a
/// signal reaches it and nobody is left behind. It returns only if that goes wrong.
///
/// # Errors
///
/// As of [`command`].
pub fn enter(args: &[OsString]) -> Result<Infallible, NamespaceError> {
    let mut command = command(&env::current_exe()?)?;
    command.arg(format!("{INSIDE}={}", identity()?));
    Err(command.args(args).exec().into())
}

/// The namespace outside, if this argument is [`INSIDE`]; empty if it names none.
pub fn outside(argument: &OsStr) -> Option<&str> {
    let rest = argument.to_str()?.strip_prefix(INSIDE)?;
    rest.strip_prefix('=')
        .or_else(|| rest.is_empty().then_some(""))
}

/// Whether this is a new namespace, other than the one `outside` that [`enter`] named: what is set here is nobody's.
///
/// # Errors
///
/// It is the same, or not new, or none was named: [`NamespaceError::NotInside`]; there is no `/proc`.
pub fn require_inside(outside: &str) -> Result<(), NamespaceError> {
    let named = outside
        .split_once(':')
        .is_some_and(|(dev, inode)| dev.parse::<u64>().is_ok() && inode.parse::<u64>().is_ok());
    match named && outside != identity()? && is_new()? {
        true => Ok(()),
        false => Err(NamespaceError::NotInside),
    }
}

/// Device and inode of this process's network namespace.
fn identity() -> io::Result<String> {
    let namespace = fs::metadata("/proc/self/ns/net")?;
    Ok(format!("{}:{}", namespace.dev(), namespace.ino()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, whatever is said: nothing here is a namespace of its own.
    #[test]
    fn the_namespace_outside_is_refused() {
        let here = identity().unwrap();
        for outside in [here.as_str(), "", "1", "x:1", "1:"] {
            let refused = require_inside(outside);
            let is_refused = matches!(refused, Err(NamespaceError::NotInside));
            assert!(is_refused, "{outside:?}");
        }
    }

    #[test]
    fn only_the_mark_is_taken_for_the_mark() {
        let cases = [
            ("--inside=4:40", Some("4:40")),
            ("--inside", Some("")),
            ("--insides", None),
            ("run", None),
        ];
        for (argument, says) in cases {
            assert_eq!(outside(OsStr::new(argument)), says, "{argument}");
        }
    }
}
