//! What the terminal wants: how much is said, in which colours, how wide, and one bar that no line tears.

use crate::args::{Colour, TalkArgs};
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

static SETTINGS: OnceLock<Settings> = OnceLock::new();
/// The bar that is drawn now, if any.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Settings {
    quiet: bool,
    verbose: bool,
    colour: Colour,
}

/// Remembers what was asked for; called once, before anything is said.
pub(crate) fn set_up(args: &TalkArgs) {
    SETTINGS.get_or_init(|| Settings { quiet: args.quiet, verbose: args.verbose, colour: args.color });
}

fn settings() -> Settings {
    SETTINGS.get().copied().unwrap_or(Settings { quiet: false, verbose: false, colour: Colour::Auto })
}

/// Whether only results, warnings and errors are wanted.
pub(crate) fn is_quiet() -> bool {
    settings().quiet
}

/// Whether decisions and times are wanted too.
pub(crate) fn is_verbose() -> bool {
    settings().verbose
}

/// Kinds of words that have a colour.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    /// A normal image.
    Good,
    /// An anomalous image, an error.
    Bad,
    /// A warning, an image that failed.
    Doubtful,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
        }
    }
}

/// `text` in its colour, where standard output shows colours.
pub(crate) fn on_stdout(tone: Tone, text: &str) -> String {
    paint(tone, text, AutoStream::choice(&io::stdout()))
}

/// `text` in its colour, where standard error shows colours.
pub(crate) fn on_stderr(tone: Tone, text: &str) -> String {
    paint(tone, text, AutoStream::choice(&io::stderr()))
}

/// Whether standard error shows colours.
#[cfg(feature = "serve")]
pub(crate) fn is_stderr_coloured() -> bool {
    is_coloured(AutoStream::choice(&io::stderr()))
}

fn is_coloured(auto: ColorChoice) -> bool {
    match settings().colour {
        Colour::Auto => auto != ColorChoice::Never,
        Colour::Always => true,
        Colour::Never => false,
    }
}

fn paint(tone: Tone, text: &str, auto: ColorChoice) -> String {
    let style = tone.style();
    if is_coloured(auto) { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// Draws this bar from now on; one that is still there is removed.
pub(crate) fn show_bar(bar: ProgressBar) {
    clear_bar();
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
}

/// Removes the bar.
pub(crate) fn clear_bar() {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Writes something while the bar is out of the way.
pub(crate) fn beside_bar<T>(work: impl FnOnce() -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(work),
        None => work(),
    }
}

/// Standard output, which writes whole pieces beside the bar.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        beside_bar(|| io::stdout().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        beside_bar(|| io::stdout().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        beside_bar(|| io::stdout().flush())
    }
}

/// A path for a message: relative to the working folder where it lies inside.
pub(crate) fn shown(path: &Path) -> String {
    let inside = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    match inside {
        Some(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
        Some(inside) => inside.display().to_string(),
        None => path.display().to_string(),
    }
}

/// The name of a result for a line whose other columns take `used` columns. On a terminal it is relative to the working
/// folder and shortened in the middle to the width that is left; files and pipes get it whole.
pub(crate) fn fitting(path: &str, used: usize) -> String {
    if !io::stdout().is_terminal() {
        return path.to_owned();
    }
    let width = terminal_size::terminal_size().map_or(usize::MAX, |(width, _)| usize::from(width.0));
    shortened(&shown(Path::new(path)), width.saturating_sub(used).max(LEAST_NAME))
}

/// Names are not cut below this many characters, however narrow the terminal is.
const LEAST_NAME: usize = 16;

/// At most `room` characters: the beginning and, longer, the end, which tells one image from the next.
fn shortened(name: &str, room: usize) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= room {
        return name.to_owned();
    }
    let (head, tail) = ((room - 3) / 3, room - 3 - (room - 3) / 3);
    let part = |part: &[char]| part.iter().collect::<String>();
    format!("{}...{}", part(&characters[..head]), part(&characters[characters.len() - tail..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end_and_their_beginning() {
        assert_eq!(shortened("short.png", 16), "short.png");
        assert_eq!(shortened("a/very/long/path/to/image_0001.png", 19), "a/ver...ge_0001.png");
        assert_eq!(shortened("\u{e4}\u{f6}\u{fc}".repeat(10).as_str(), 16).chars().count(), 16);
    }

    #[test]
    fn a_path_inside_the_working_folder_is_shown_from_there() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(shown(&here.join("a/b.png")), Path::new("a/b.png").display().to_string());
        assert_eq!(shown(&here), ".");
        assert_eq!(shown(Path::new("x/y")), Path::new("x/y").display().to_string());
        let outside = here.parent().unwrap().join("elsewhere");
        assert_eq!(shown(&outside), outside.display().to_string());
    }
}
