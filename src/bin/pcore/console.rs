//! What the program shows while it works. Results go to stdout, everything here to stderr.

use crate::args::RunArgs;
use crate::message::as_typed;
use crate::signals;
use crate::terminal::{self, Stdout, Tone};
use indicatif::{ProgressBar, ProgressStyle};
use pcore::dataset::Shown;
use pcore::job::Context;
use pcore::progress::Progress;
use pcore::report::json_text;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Prints a result, foreign control characters in it escaped (as JSON escapes them); unlike `print!` it reports a reader that went away, instead of panicking.
pub(crate) fn print(text: &str) -> io::Result<()> {
    Stdout.write_all(Shown::lines(text).to_string().as_bytes())
}

/// A line with colours of its own, whose foreign text is escaped already.
pub(crate) fn print_row(text: &str) -> io::Result<()> {
    Stdout.write_all(format!("{text}\n").as_bytes())
}

/// [`print`] with a line end.
pub(crate) fn print_line(text: &str) -> io::Result<()> {
    print(&format!("{text}\n"))
}

/// A value as JSON that people can read too.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(print(&json_text(value)?)?)
}

/// A line on standard error, settings that the library names as they are typed, control characters escaped. One that nobody can read, on a full disk or a closed pipe, stops nothing.
pub(crate) fn tell(text: &str) {
    tell_raw(&Shown::paragraph(as_typed(text)).to_string());
}

/// A message that is shown only with `--verbose`: what was decided, and how long it took.
pub(crate) fn detail(text: &str) {
    if terminal::is_verbose() {
        tell(text);
    }
}

/// A message that `--quiet` leaves out.
macro_rules! say {
    ($($text:tt)*) => {
        if !$crate::terminal::is_quiet() {
            $crate::console::tell(&format!($($text)*));
        }
    };
}

/// Something that was left out, which is always said.
macro_rules! problem {
    ($($text:tt)*) => { $crate::console::tell(&format!($($text)*)) };
}

/// A warning, which is always said.
macro_rules! warning {
    ($($text:tt)*) => { $crate::console::tell_after($crate::terminal::Tone::Doubtful, "warning:", &format!($($text)*)) };
}

/// [`tell`] with a first word in its colour.
pub(crate) fn tell_after(tone: Tone, word: &str, text: &str) {
    tell_raw(&format!("{} {}", terminal::on_stderr(tone, word), Shown::paragraph(as_typed(text))));
}

fn tell_raw(text: &str) {
    terminal::beside_bar(|| drop(io::stderr().write_all(format!("{text}\n").as_bytes())));
}

pub(crate) use {problem, say, warning};

/// Progress on stderr: a bar with the time left on a terminal, a plain line now and then elsewhere.
pub(crate) struct Console {
    state: Mutex<State>,
    is_terminal: bool,
}

struct State {
    bar: ProgressBar,
    stage: String,
    total: usize,
    done: usize,
    begun: Instant,
    last_line: Instant,
}

/// Elsewhere than on a terminal, a line at most this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Console {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let state =
            State { bar: ProgressBar::hidden(), stage: String::new(), total: 0, done: 0, begun: now, last_line: now };
        Self { state: Mutex::new(state), is_terminal: std::io::stderr().is_terminal() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // A poisoned lock only means that another thread died while drawing.
        work(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Progress for Console {
    fn begin(&self, stage: &str, total: usize) {
        self.with(|state| {
            let now = Instant::now();
            terminal::clear_bar();
            *state = State {
                bar: ProgressBar::hidden(),
                stage: stage.to_owned(),
                total,
                done: 0,
                begun: now,
                last_line: now,
            };
            if self.is_terminal && !terminal::is_quiet() {
                let template = "{msg:12} {bar:32} {pos}/{len} [{elapsed} elapsed, {eta} left]";
                let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
                state.bar = ProgressBar::new(total as u64).with_style(style).with_message(stage.to_owned());
                terminal::show_bar(state.bar.clone());
            }
        });
    }

    fn advance(&self, n: usize) {
        self.with(|state| {
            state.done += n;
            state.bar.inc(n as u64);
            if !self.is_terminal
                && !terminal::is_quiet()
                && state.last_line.elapsed() >= LINE_EVERY
                && state.done < state.total
            {
                state.last_line = Instant::now();
                let elapsed = state.begun.elapsed().as_secs_f64();
                let left = elapsed * (state.total - state.done) as f64 / state.done.max(1) as f64;
                say!("{}: {}/{}, about {left:.0} s left", state.stage, state.done, state.total);
            }
        });
    }

    fn end(&self) {
        self.with(|state| {
            terminal::clear_bar();
            say!("{}: {} in {:.1} s", state.stage, state.done, state.begun.elapsed().as_secs_f64());
        });
    }

    fn note(&self, message: &str) {
        say!("note: {message}");
    }

    fn warn(&self, message: &str) {
        warning!("{message}");
    }

    fn is_cancelled(&self) -> bool {
        signals::caught().is_some()
    }

    fn cancelled_by(&self) -> String {
        signals::caught().map_or("", signals::name).to_owned()
    }
}

/// How jobs work for this program: they tell the console, and results name settings as they are typed.
pub(crate) fn context<'a>(console: &'a Console, run: &RunArgs) -> Context<'a> {
    Context { progress: console, pace: run.machine.pace(), wording: |text| as_typed(text).into_owned() }
}

impl Drop for Console {
    /// Work that ended early leaves no half a bar behind.
    fn drop(&mut self) {
        terminal::clear_bar();
    }
}
