//! Correlated values around the ring.

use super::N_COLS;

/// Turns white noise of variance 1 into a first-order autoregressive sequence of variance 1 that closes around the
/// ring: the start is the state that the same innovations lead back to.
pub(super) fn cyclic_ar1(values: &mut [f64; N_COLS], persistence: f64) {
    let gain = (1.0 - persistence * persistence).sqrt();
    let end = values.iter().fold(0.0, |state, value| persistence * state + gain * value);
    let mut state = end / (1.0 - persistence.powi(N_COLS as i32));
    for value in values {
        state = persistence * state + gain * *value;
        *value = state;
    }
}
