//! A stack that is watched for longer after each script: for what comes late, or never.

use std::ffi::OsString;
use std::process::ExitCode;

use super::{Stack, Terms};
use crate::subject::{Subject, SubjectError};

/// That stack, watched for so many seconds.
pub struct Watched<'a> {
    /// The stack.
    pub stack: &'a dyn Stack,
    /// After each script.
    pub seconds: u32,
}

impl Stack for Watched<'_> {
    fn name(&self) -> &'static str {
        self.stack.name()
    }

    fn terms(&self) -> Terms {
        let terms = self.stack.terms();
        let watched = self.seconds.saturating_mul(4);
        Terms {
            watched,
            watched_repeating: terms.watched_repeating.max(watched),
            ..terms
        }
    }

    fn expectations(&self) -> &'static str {
        self.stack.expectations()
    }

    fn at_once(&self) -> usize {
        self.stack.at_once()
    }

    fn elsewhere(&self, args: &[OsString]) -> Result<Option<ExitCode>, SubjectError> {
        self.stack.elsewhere(args)
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        self.stack.start()
    }
}
