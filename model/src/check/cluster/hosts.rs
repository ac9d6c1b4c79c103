//! The file that says where the processes of a team are.

use std::net::ToSocketAddrs;

/// The most processes of a team.
pub const MOST_PROCESSES: usize = 256;

/// What is wrong with a file of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// A line is not `host:port`.
    #[error("line {line}: `{text}` is not HOST:PORT")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// Two processes at one address.
    #[error("line {line}: `{text}` is in line {first} already")]
    Twice {
        /// The line, from 1.
        line: usize,
        /// The address.
        text: String,
        /// The line that has it too.
        first: usize,
    },
    /// No line, or too many.
    #[error("{0} hosts: there must be 1 to {MOST_PROCESSES}, one HOST:PORT a line")]
    Count(usize),
    /// A name that cannot be resolved.
    #[error("`{host}` cannot be resolved: {why}")]
    Unknown {
        /// The address.
        host: String,
        /// What the system says.
        why: String,
    },
}

/// Reads a list of hosts: one `host:port` a line, in order of the processes; `#` begins a comment.
///
/// # Errors
///
/// The first line that is wrong, or a count out of range. Names are not resolved here.
pub fn parse(text: &str) -> Result<Vec<String>, HostsError> {
    let mut hosts: Vec<(usize, String)> = Vec::new();
    for (n, raw) in text.lines().enumerate() {
        let line = n + 1;
        let text = raw.split('#').next().unwrap_or("").trim();
        if text.is_empty() {
            continue;
        }
        let is_address = text.rsplit_once(':').is_some_and(|(host, port)| {
            let bare = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
            !host.is_empty()
                && bare
                && !host.contains(char::is_whitespace)
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        let text = text.to_owned();
        if !is_address {
            return Err(HostsError::Line { line, text });
        }
        if let Some((first, _)) = hosts.iter().find(|(_, known)| *known == text) {
            let first = *first;
            return Err(HostsError::Twice { line, text, first });
        }
        hosts.push((line, text));
    }
    if hosts.is_empty() || hosts.len() > MOST_PROCESSES {
        return Err(HostsError::Count(hosts.len()));
    }
    Ok(hosts.into_iter().map(|(_, host)| host).collect())
}

/// The addresses that a host has.
pub(super) fn resolve(host: &str) -> Result<Vec<std::net::SocketAddr>, HostsError> {
    let unknown = |why: String| HostsError::Unknown {
        host: host.to_owned(),
        why,
    };
    let found: Vec<_> = host
        .to_socket_addrs()
        .map_err(|e| unknown(e.to_string()))?
        .collect();
    if found.is_empty() {
        return Err(unknown("it has no address".into()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_a_line_with_comments() {
        let text = "# the team\n\n a:1 \nb.example.org:65535 # the big one\n[::1]:7\n";
        assert_eq!(
            parse(text).unwrap(),
            ["a:1", "b.example.org:65535", "[::1]:7"]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let line = |text: &str| match parse(text) {
            Err(HostsError::Line { line, .. }) => line,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(line("a:1\nb"), 2);
        for bad in [
            "a:", ":1", "a:0", "a:65536", "a:x", "a b:1", "::1:7", "a:1 b:2",
        ] {
            assert_eq!(line(bad), 1, "{bad}");
        }
        assert_eq!(
            parse("a:1\nb:1\n\na:1").unwrap_err().to_string(),
            "line 4: `a:1` is in line 1 already"
        );
        assert_eq!(parse("# none\n"), Err(HostsError::Count(0)));
        let many: String = (1..=257).map(|n| format!("h:{n}\n")).collect();
        assert_eq!(parse(&many), Err(HostsError::Count(257)));
    }
}
