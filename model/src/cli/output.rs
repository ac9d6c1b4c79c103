//! The standard output, without a panic when nobody reads it any more.

use std::io::{self, Write};

/// Lines of a report. A reader that goes away (`| head`) is no error: the rest is not written.
pub(super) struct Out {
    to: Box<dyn Write>,
    failed: Option<io::Error>,
}

impl Out {
    pub(super) fn standard() -> Out {
        Out {
            to: Box::new(io::stdout()),
            failed: None,
        }
    }

    /// Writes a line (or several).
    pub(super) fn line(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = writeln!(self.to, "{text}").err();
        }
    }

    /// Writes lines.
    pub(super) fn lines(&mut self, lines: &[String]) {
        for l in lines {
            self.line(l);
        }
    }

    /// One JSON document.
    pub(super) fn json(&mut self, value: &serde_json::Value) {
        self.line(&format!("{value:#}"));
    }

    /// Shows what was written so far.
    pub(super) fn flush(&mut self) {
        if self.failed.is_none() {
            self.failed = self.to.flush().err();
        }
    }

    /// Whether everything was written that anybody wanted to read.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let failed = self.failed.take().or_else(|| self.to.flush().err());
        match failed {
            Some(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e),
            _ => Ok(()),
        }
    }
}

/// One line to the standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "farewell: {text}");
}
