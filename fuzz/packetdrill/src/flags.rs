//! What `--so_flags` sets: `key=value`, separated by commas or blanks.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use farewell::Config;
use farewell::config::{ConfigError, KeepAlive};

/// How the host under test is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engine's configuration.
    pub config: Config,
    /// Bytes of a send buffer.
    pub send: usize,
    /// Bytes of a receive buffer.
    pub receive: usize,
    /// From where a socket that is not bound connects, by family: the first that fits.
    pub local: Vec<IpAddr>,
    /// The file of the capture, if one is to be made.
    pub pcapng: Option<PathBuf>,
}

/// What a flag is wrong about.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FlagError {
    /// There is no such flag.
    #[error("no flag {0:?}: one of {KEYS}, as key=value")]
    Unknown(String),
    /// It has another kind of value.
    #[error("{key}={value}: it takes {takes}")]
    Value {
        /// The flag.
        key: String,
        /// What stood there.
        value: String,
        /// What it takes.
        takes: &'static str,
    },
    /// The settings make no sense together.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

const KEYS: &str = "local, send_buffer, receive_buffer, mss, time_wait, fin_wait_2, user_timeout, give_up, give_up_open, \
                    keep_alive, keep_alive_probes, delayed_ack, nagle, avoid_silly_windows, timestamps, window_scaling, \
                    reopen, abort_lingers, challenge_interval, rto_min, rto_max, pcapng";

/// The most that a buffer may be asked to hold, in bytes: packetdrill locks all memory.
pub const LARGEST_BUFFER: usize = 16 << 20;

impl Default for Settings {
    /// The engine's defaults, 64 KiB of buffer each way, and the local addresses that packetdrill takes by default.
    fn default() -> Self {
        Settings {
            config: Config::default(),
            send: 1 << 16,
            receive: 1 << 16,
            local: vec![[192, 168, 0, 1].into(), DEFAULT_V6.into()],
            pcapng: None,
        }
    }
}

/// packetdrill's default.
const DEFAULT_V6: [u16; 8] = [0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 0];

impl std::str::FromStr for Settings {
    type Err = FlagError;

    fn from_str(flags: &str) -> Result<Self, FlagError> {
        let mut settings = Settings::default();
        let words = flags.split(|c: char| c == ',' || c.is_whitespace());
        for word in words.filter(|w| !w.is_empty()) {
            let Some((key, value)) = word.split_once('=') else {
                return Err(FlagError::Unknown(word.into()));
            };
            settings.set(key, value)?;
        }
        settings.config = settings.config.validated()?;
        Ok(settings)
    }
}

impl Settings {
    fn set(&mut self, key: &str, value: &str) -> Result<(), FlagError> {
        let wrong = |takes| FlagError::Value {
            key: key.into(),
            value: value.into(),
            takes,
        };
        let time = || duration(value).ok_or_else(|| wrong(A_TIME));
        let perhaps = || match value {
            "off" => Ok(None),
            _ => duration(value)
                .map(Some)
                .ok_or_else(|| wrong(A_TIME_OR_OFF)),
        };
        let switch = || match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(wrong("on or off")),
        };
        let bytes = || {
            let n = value.parse().ok();
            n.filter(|n| (1..=LARGEST_BUFFER).contains(n))
                .ok_or_else(|| wrong("1 to 16777216 bytes"))
        };
        let c = &mut self.config;
        match key {
            "local" => {
                let ip = value.parse().map_err(|_| wrong("an IP address"))?;
                self.local.insert(0, ip);
            }
            "send_buffer" => self.send = bytes()?,
            "receive_buffer" => self.receive = bytes()?,
            "mss" => c.mss = value.parse().map_err(|_| wrong("13 to 65535 bytes"))?,
            "time_wait" => c.time_wait = time()?,
            "fin_wait_2" => c.fin_wait_2 = perhaps()?,
            "user_timeout" => c.user_timeout = perhaps()?,
            "give_up" => c.give_up = perhaps()?,
            "give_up_open" => c.give_up_open = perhaps()?,
            "keep_alive" => {
                let probes = c.keep_alive.and_then(|k| k.probes);
                c.keep_alive = perhaps()?.map(|idle| KeepAlive { idle, probes });
            }
            "keep_alive_probes" => {
                let probes = value.parse().map_err(|_| wrong("0 to 255"))?;
                let idle = c.keep_alive.map_or(Duration::from_secs(7200), |k| k.idle);
                let probes = Some(probes);
                c.keep_alive = Some(KeepAlive { idle, probes });
            }
            "delayed_ack" => c.delayed_ack = perhaps()?,
            "nagle" => c.nagle = switch()?,
            "avoid_silly_windows" => c.avoid_silly_windows = switch()?,
            "timestamps" => c.timestamps = switch()?,
            "window_scaling" => c.window_scaling = switch()?,
            "reopen" => c.reopen = switch()?,
            "abort_lingers" => c.abort_lingers = switch()?,
            "challenge_interval" => c.challenge_interval = time()?,
            "rto_min" => c.rto.min = time()?,
            "rto_max" => c.rto.max = time()?,
            "pcapng" if value.is_empty() => return Err(wrong("a file, without blanks or commas")),
            "pcapng" => self.pcapng = Some(value.into()),
            _ => return Err(FlagError::Unknown(key.into())),
        }
        Ok(())
    }
}

const A_TIME: &str = "a time: 3s, 200ms, 50us, at most a year";
const A_TIME_OR_OFF: &str = "off or a time: 3s, 200ms, 50us, at most a year";

/// A time with its unit.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let d = match unit {
        "s" => Duration::from_secs(number),
        "ms" => Duration::from_millis(number),
        "us" => Duration::from_micros(number),
        _ => return None,
    };
    (d <= Duration::from_secs(365 * 86_400)).then_some(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_set_what_they_name() {
        let s: Settings =
            "time_wait=4s, delayed_ack=off rto_min=200ms,local=10.0.0.1,nagle=off,send_buffer=99"
                .parse()
                .unwrap();
        assert_eq!(s.config.time_wait, Duration::from_secs(4));
        assert_eq!(s.config.delayed_ack, None);
        assert_eq!(s.config.rto.min, Duration::from_millis(200));
        assert_eq!(s.local[0], IpAddr::from([10, 0, 0, 1]));
        assert_eq!((s.config.nagle, s.send, s.receive), (false, 99, 1 << 16));
        let s: Settings = "keep_alive=5s,keep_alive_probes=3".parse().unwrap();
        let (idle, probes) = (Duration::from_secs(5), Some(3));
        assert_eq!(s.config.keep_alive, Some(KeepAlive { idle, probes }));
        let s: Settings = "pcapng=a/b=c.pcapng".parse().unwrap();
        assert_eq!(s.pcapng, Some("a/b=c.pcapng".into()));
        assert_eq!("".parse::<Settings>().unwrap().config, Config::default());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |flags: &str| flags.parse::<Settings>().unwrap_err().to_string();
        assert!(
            said("tiem_wait=4s").starts_with("no flag \"tiem_wait\": one of local, send_buffer")
        );
        assert!(said("nagle").starts_with("no flag \"nagle\""));
        assert_eq!(
            said("time_wait=4"),
            "time_wait=4: it takes a time: 3s, 200ms, 50us, at most a year"
        );
        assert_eq!(said("nagle=yes"), "nagle=yes: it takes on or off");
        for flags in [
            "time_wait=99999999999999999999s",
            "time_wait=99999999999s",
            "time_wait=s",
            "time_wait=é",
        ] {
            assert!(said(flags).contains("it takes a time"), "{flags}");
        }
        assert_eq!(
            said("pcapng="),
            "pcapng=: it takes a file, without blanks or commas"
        );
        assert!(said("send_buffer=0").contains("1 to 16777216"));
        assert!(said("mss=3").contains("mss is 3"));
        assert!(said("rto_min=100s").contains("least retransmission timeout"));
    }
}
