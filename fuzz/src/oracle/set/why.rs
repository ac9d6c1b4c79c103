//! Why a state does not explain an observation.

/// Why a state does not explain an observation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum Why {
    /// A RST that nothing calls for, or with other numbers.
    #[error("a RST that is not the one this state sends")]
    Reset,
    /// What follows the peer's FIN is acknowledged.
    #[error("what came behind the peer's FIN is acknowledged")]
    AfterFin,
    /// The RST is missing.
    #[error("the RST this state sends did not come")]
    NoReset,
    /// A SYN that is none of ours.
    #[error("a SYN that is not the one this state sends")]
    Syn,
    /// The SYN is missing.
    #[error("the SYN this state sends did not come")]
    NoSyn,
    /// No ACK bit on what must have one.
    #[error("a segment without ACK")]
    NoAck,
    /// This state sends nothing but RST.
    #[error("a segment from a state that has no connection to send on")]
    Silence,
    /// A wrong acknowledgment number.
    #[error("the acknowledgment is not RCV.NXT")]
    Acknowledgment,
    /// A wrong window.
    #[error("the window is larger than the room, or its right edge moved left")]
    Window,
    /// A wrong sequence number on an acknowledgment.
    #[error("the sequence number of an acknowledgment is not SND.NXT")]
    Sequence,
    /// Nothing was to be acknowledged.
    #[error("an acknowledgment that nothing called for")]
    Unasked,
    /// Text or FIN that are not in flight.
    #[error("text or FIN other than what the user sent and this state may send")]
    Text,
    /// Text or FIN are missing.
    #[error("text or FIN that the window allows did not come")]
    Unsent,
    /// An acknowledgment is missing.
    #[error("what arrived was not acknowledged in time")]
    Unanswered,
    /// Nothing is sent again.
    #[error("what is unacknowledged was not sent again in time")]
    NotRepeated,
    /// It was, but too late.
    #[error("what is unacknowledged was sent again too late")]
    Late,
    /// The same, where the stack has had a connection before: what it measured there may be why.
    #[error(
        "what is unacknowledged was sent again too late, in an incarnation that is not the first"
    )]
    LateInAnotherLife,
    /// It is sent again and again without back-off.
    #[error("what is unacknowledged is sent again and again without longer intervals")]
    Hurried,
    /// The same octet comes out more than once at an instant.
    #[error("the same text, FIN or SYN is sent more than once at once")]
    TwiceAtOnce,
    /// The window opened, and the peer is not told.
    #[error("the window was closed, half the buffer is free, and no acknowledgment says so")]
    WindowKept,
    /// A connection that was reset ends for its user as if the peer had closed.
    #[error("the user reads the end of the stream where the connection was reset")]
    EndAfterReset,
    /// TIME_WAIT lasts, or an orphan's FIN_WAIT_2.
    #[error("TIME_WAIT, or an orphan's FIN_WAIT_2, did not end")]
    Overtime,
    /// The reply to a call.
    #[error("the call should have had the other reply")]
    Reply,
    /// The user was told something else.
    #[error("the user should have been told otherwise")]
    Told,
    /// The user reads text where the stream ends.
    #[error("the user reads text where the end of the stream is")]
    ReadAfterFin,
    /// The user reads something else.
    #[error("the user should have read otherwise")]
    Read,
}

impl Why {
    /// A word for it.
    pub fn id(self) -> String {
        words_of(&format!("{self:?}"))
    }
}

/// `FinIgnored` as `fin-ignored`.
pub(in crate::oracle) fn words_of(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !id.is_empty() {
            id.push('-');
        }
        id.push(c.to_ascii_lowercase());
    }
    id
}
