//! What can be set about a host's TCP. Connections do not copy it: it is handed to every call that needs it.

use core::time::Duration;

use crate::rto;

/// Settings of a host's TCP; the defaults are the RFCs'.
///
/// ```
/// use core::time::Duration;
/// let config = farewell::Config { time_wait: Duration::from_secs(60), ..farewell::Config::default() };
/// assert!(config.validated().is_ok());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// How long TIME_WAIT lasts: 2 MSL (RFC 9293 MUST-13; section 3.4.2 takes MSL to be two minutes).
    pub time_wait: Duration,
    /// How long FIN_WAIT_2 lasts when nobody will read any more; `None` is for ever. No clause of RFC 9293 has it.
    pub fin_wait_2: Option<Duration>,
    /// The user timeout (RFC 9293 section 3.10.8); `None` is for ever.
    pub user_timeout: Option<Duration>,
    /// R2: how long nothing may be acknowledged (MUST-20; at least 100 seconds by MUST-21); `None` is for ever.
    pub give_up: Option<Duration>,
    /// R2 of a SYN (MUST-23: at least three minutes).
    pub give_up_open: Option<Duration>,
    /// Keep-alives, off by default (MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// How long an acknowledgment may wait (RFC 9293 section 3.8.6.3: less than half a second); `None` sends it at once.
    pub delayed_ack: Option<Duration>,
    /// Nagle's algorithm (SHLD-7).
    pub nagle: bool,
    /// Silly windows are avoided on both sides (MUST-38, MUST-39).
    pub avoid_silly_windows: bool,
    /// The most text in a segment, in bytes, options counted (RFC 6691): what is offered to the peer and what is sent. A
    /// [`Stack`](crate::Stack) takes it for IPv4, and 20 bytes less for IPv6, whose header is longer. Packets are not to be
    /// fragmented, and no path MTU is discovered: it must suit the smallest link on the way.
    pub mss: u16,
    /// Timestamps are offered, and taken when the peer offers them (RFC 7323).
    pub timestamps: bool,
    /// Windows are scaled if the peer does it too (RFC 7323).
    pub window_scaling: bool,
    /// A SYN may reopen a connection from TIME_WAIT (RFC 9293 MAY-2, RFC 6191).
    pub reopen: bool,
    /// Who aborts lingers as long as TIME_WAIT lasts and answers with RST (RFC 9293 section 3.5.2).
    pub abort_lingers: bool,
    /// The least time between two challenge ACKs of one connection (RFC 5961 section 7).
    pub challenge_interval: Duration,
    /// Limits of the retransmission timeout (RFC 6298).
    pub rto: rto::Limits,
}

/// When a silent peer is asked whether it is still there (RFC 9293 section 3.8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// Silence before the first probe, and between two (MUST-28: two hours).
    pub idle: Duration,
    /// Unanswered probes after which the connection is given up; `None` probes for ever.
    pub probes: Option<u8>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            time_wait: Duration::from_secs(240),
            fin_wait_2: Some(Duration::from_secs(60)),
            user_timeout: None,
            give_up: Some(Duration::from_secs(120)),
            give_up_open: Some(Duration::from_secs(180)),
            keep_alive: None,
            delayed_ack: Some(Duration::from_millis(40)),
            nagle: true,
            avoid_silly_windows: true,
            mss: 1460,
            timestamps: true,
            window_scaling: true,
            reopen: true,
            abort_lingers: true,
            challenge_interval: Duration::from_millis(500),
            rto: rto::Limits::default(),
        }
    }
}

/// What is wrong with a [`Config`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// Text would not fit beside the options.
    #[error("mss is {0}: segments with timestamps need more than 12 bytes")]
    Mss(u16),
    /// A retransmission timeout that cannot be.
    #[error("the least retransmission timeout is above the greatest, or zero")]
    Rto,
    /// RFC 9293 section 3.8.6.3: acknowledgments are delayed less than half a second.
    #[error("acknowledgments are delayed half a second or more")]
    DelayedAck,
}

impl Config {
    /// Checks it. A connection runs with any, but not well.
    ///
    /// # Errors
    ///
    /// The first setting that makes no sense.
    pub fn validated(self) -> Result<Self, ConfigError> {
        if self.mss <= 12 {
            return Err(ConfigError::Mss(self.mss));
        }
        if self.rto.min > self.rto.max || self.rto.min.is_zero() {
            return Err(ConfigError::Rto);
        }
        if self
            .delayed_ack
            .is_some_and(|d| d >= Duration::from_millis(500))
        {
            return Err(ConfigError::DelayedAck);
        }
        Ok(self)
    }
}
