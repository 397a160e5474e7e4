//! What a controller reads.

use crate::serve::record::FoundRecord;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio_modbus::{ExceptionCode, Request, Response};

/// The score of a part without one.
const NO_SCORE: i32 = i32::MIN;

/// The last part.
#[derive(Clone, Copy, Debug)]
struct Part {
    id: Option<i64>,
    n_parts: u32,
    verdict: Option<bool>,
    score: i32,
    is_error: bool,
}

/// Registers and coils, for several readers.
#[derive(Debug)]
pub(super) struct Registers {
    begun: Instant,
    part: Mutex<Part>,
}

impl Default for Registers {
    fn default() -> Self {
        let part = Part { id: None, n_parts: 0, verdict: None, score: NO_SCORE, is_error: false };
        Self { begun: Instant::now(), part: Mutex::new(part) }
    }
}

impl Registers {
    fn part(&self) -> MutexGuard<'_, Part> {
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a result. One that comes again is not counted again.
    pub(super) fn show(&self, found: &FoundRecord) {
        let mut part = self.part();
        let is_new = part.id != Some(found.id);
        let is_error = found.error.is_some();
        let verdict = found.verdict.as_deref().filter(|_| !is_error).map(|verdict| verdict == "anomalous");
        let score = found.score.filter(|score| score.is_finite());
        *part = Part {
            id: Some(found.id),
            n_parts: part.n_parts.wrapping_add(u32::from(is_new)),
            verdict,
            // Beyond the range, the ends of it; the lower one but one, as the lowest says that there is none.
            score: score.map_or(NO_SCORE, |score| ((f64::from(score) * 1e4).round() as i32).max(NO_SCORE + 1)),
            is_error,
        };
    }

    fn words(&self) -> [u16; 7] {
        let part = *self.part();
        let seconds = self.begun.elapsed().as_secs();
        let verdict = part.verdict.map_or(0, |is_anomalous| 1 + u16::from(is_anomalous));
        let [high, low] = halves(part.n_parts);
        let [score_high, score_low] = halves(part.score.cast_unsigned());
        [(seconds & 0xffff) as u16, high, low, verdict, score_high, score_low, u16::from(part.is_error)]
    }

    fn coils(&self) -> [bool; 2] {
        let verdict = self.part().verdict;
        [verdict == Some(false), verdict == Some(true)]
    }

    /// Answers a request.
    ///
    /// # Errors
    /// What Modbus says to other functions and addresses.
    pub(super) fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        match *request {
            Request::ReadHoldingRegisters(at, n) => range(&self.words(), at, n).map(Response::ReadHoldingRegisters),
            Request::ReadInputRegisters(at, n) => range(&self.words(), at, n).map(Response::ReadInputRegisters),
            Request::ReadCoils(at, n) => range(&self.coils(), at, n).map(Response::ReadCoils),
            Request::ReadDiscreteInputs(at, n) => range(&self.coils(), at, n).map(Response::ReadDiscreteInputs),
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

fn halves(value: u32) -> [u16; 2] {
    [(value >> 16) as u16, (value & 0xffff) as u16]
}

fn range<T: Copy>(all: &[T], at: u16, n: u16) -> Result<Vec<T>, ExceptionCode> {
    if n == 0 {
        return Err(ExceptionCode::IllegalDataValue);
    }
    let (at, n) = (usize::from(at), usize::from(n));
    all.get(at..at + n).map(<[T]>::to_vec).ok_or(ExceptionCode::IllegalDataAddress)
}
