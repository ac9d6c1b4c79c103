//! Our engine as a black box, with the timers that it ships with (TIME_WAIT is shorter).

use core::time::Duration;

use super::{Stack, Terms};
use crate::engine::{EngineConfig, Live};
use crate::subject::{Subject, SubjectError};

const BUFFER: u8 = 4;
const TIME_WAIT: Duration = Duration::from_secs(10);
const FIN_WAIT_2: Duration = Duration::from_secs(20);

/// The shipping code.
#[derive(Clone, Copy, Debug)]
pub struct Farewell;

impl Farewell {
    /// The subject, with these lengths of TIME_WAIT and of an orphan's FIN_WAIT_2.
    pub fn with_times(time_wait: Duration, fin_wait_2: Option<Duration>) -> Live {
        Live::new(EngineConfig {
            tcp: farewell::Config {
                time_wait,
                fin_wait_2,
                user_timeout: None,
                give_up: None,
                give_up_open: None,
                keep_alive: None,
                delayed_ack: Some(Duration::from_millis(200)),
                nagle: false,
                avoid_silly_windows: false,
                mss: 536,
                timestamps: false,
                window_scaling: false,
                ..farewell::Config::default()
            },
            receive_buffer: BUFFER,
            fixed_window: false,
        })
        .keeping()
    }
}

impl Stack for Farewell {
    fn name(&self) -> &'static str {
        "farewell"
    }

    fn terms(&self) -> Terms {
        Terms {
            buffer: BUFFER,
            time_wait: TIME_WAIT.as_micros() as u64,
            fin_wait_2: Some(FIN_WAIT_2.as_micros() as u64),
            tells: true,
            full_close: true,
            ..Terms::default()
        }
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        Ok(Box::new(Farewell::with_times(TIME_WAIT, Some(FIN_WAIT_2))))
    }
}
