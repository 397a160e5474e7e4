//! Ctrl-C, SIGTERM and a closed terminal end a run in an orderly way; a second Ctrl-C ends it at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The signal that came, 0 for none.
static CAUGHT: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Number of SIGINT, which Ctrl-C is, everywhere.
#[cfg(not(unix))]
const INTERRUPT: usize = 2;

/// The exit code of a run that a signal ended: 128 and the number of the signal, as shells have it.
pub(crate) fn exit_code(signal: usize) -> u8 {
    128u8.saturating_add(signal.min(127) as u8)
}

/// The signal that asks this run to stop, if one came.
pub(crate) fn caught() -> Option<usize> {
    CAUGHT.get().map(|signal| signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Its name, for messages.
pub(crate) fn name(signal: usize) -> &'static str {
    match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        15 => "SIGTERM",
        _ => "a signal",
    }
}

/// Listens from now on. Where the system refuses, a signal ends the program as it always did.
#[cfg(unix)]
pub(crate) fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::flag;
    use std::sync::atomic::AtomicBool;

    let signal = CAUGHT.get_or_init(Arc::default);
    // Asked for before the flag is raised: the first Ctrl-C finds it down. Other signals may come twice from one sender, to
    // the process and to its group.
    let again = Arc::new(AtomicBool::new(false));
    drop(
        flag::register_conditional_shutdown(SIGINT, exit_code(SIGINT as usize).into(), Arc::clone(&again))
            .and_then(|_| flag::register(SIGINT, again)),
    );
    for number in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|number| !is_ignored(*number)) {
        drop(flag::register_usize(number, Arc::clone(signal), number as usize));
    }
    // Heeded by nobody: then a file beyond the allowed size is an error like a full disk, and no death.
    drop(flag::register(SIGXFSZ, Arc::default()));
}

/// Whether whoever started the program had this signal ignored, as `nohup` does: then it is ignored. Where the system does
/// not tell, a hang-up does what it did.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return signal == signal_hook::consts::SIGHUP };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Listens from now on. Where the system refuses, a signal ends the program as it always did.
#[cfg(not(unix))]
pub(crate) fn listen() {
    let signal = Arc::clone(CAUGHT.get_or_init(Arc::default));
    drop(ctrlc::set_handler(move || {
        if signal.swap(INTERRUPT, Ordering::Relaxed) != 0 {
            std::process::exit(exit_code(INTERRUPT).into());
        }
    }));
}
