//! Frames of a camera, from a program that writes them to its standard output: binary PNM, as `ffmpeg -f image2pipe -c:v ppm -` does.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The longest header of a frame.
const LONGEST_HEADER: usize = 200;
/// Lines of the program's messages that are kept.
const MESSAGES: usize = 5;

/// Why there are no more frames.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The program can't be started.
    #[error("{program} can't be started: {source}")]
    Start {
        /// Its name.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// What it writes are no frames.
    #[error("what the program writes is no binary PNM (P5 or P6): {0}")]
    NoFrame(String),
    /// It ended.
    #[error("the program ended ({status}){messages}")]
    Ended {
        /// How.
        status: String,
        /// What it said last.
        messages: String,
    },
}

/// A program that writes frames. It is stopped with this.
pub(super) struct Frames {
    child: Arc<Mutex<Child>>,
    output: BufReader<ChildStdout>,
    messages: Arc<Mutex<VecDeque<String>>>,
    max_bytes: u64,
}

impl Frames {
    /// Starts the program.
    ///
    /// # Errors
    /// [`FrameError::Start`].
    pub(super) fn spawn(command: &[String], max_bytes: u64) -> Result<Self, FrameError> {
        let (program, args) = command.split_first().map_or(("", command), |(program, args)| (program.as_str(), args));
        let failed = |source| FrameError::Start { program: program.to_owned(), source };
        let mut spawning = Command::new(program);
        spawning.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawning.spawn().map_err(failed)?;
        let none = || failed(io::Error::other("it has no output"));
        let (stdout, stderr) = (child.stdout.take().ok_or_else(none)?, child.stderr.take().ok_or_else(none)?);
        let messages = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&messages);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut kept = lock(&kept);
                kept.push_back(line.chars().take(300).collect());
                if kept.len() > MESSAGES {
                    kept.pop_front();
                }
            }
        });
        Ok(Self {
            child: Arc::new(Mutex::new(child)),
            output: BufReader::with_capacity(1 << 20, stdout),
            messages,
            max_bytes,
        })
    }

    /// Another handle of the program, which stops it for whoever does not wait for a frame.
    pub(super) fn program(&self) -> Program {
        Program(Arc::clone(&self.child))
    }

    /// The next frame, as a file of it would be.
    ///
    /// # Errors
    /// [`FrameError::Ended`], [`FrameError::NoFrame`].
    pub(super) fn next(&mut self) -> Result<Vec<u8>, FrameError> {
        let frame = read_frame(&mut self.output, self.max_bytes);
        match frame {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(self.ended()),
            Err(why) => Err(FrameError::NoFrame(why)),
        }
    }

    fn ended(&mut self) -> FrameError {
        let status = lock(&self.child).wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let kept = lock(&self.messages);
        let messages = kept.iter().map(|line| format!(": {line}")).collect();
        FrameError::Ended { status, messages }
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.program().stop();
    }
}

/// A program that runs.
#[derive(Clone)]
pub(super) struct Program(Arc<Mutex<Child>>);

impl Program {
    /// Stops it, and waits until it is gone.
    pub(super) fn stop(&self) {
        let mut child = lock(&self.0);
        drop(child.kill());
        drop(child.wait());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A frame; `None` at the end of the stream.
fn read_frame(stream: &mut impl Read, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
    let mut frame = vec![];
    let mut numbers: Vec<u64> = vec![];
    let mut number: Option<u64> = None;
    let mut in_comment = false;
    // The magic, then width, height and the largest value, each followed by one white space.
    while numbers.len() < 3 {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) if frame.is_empty() => return Ok(None),
            Ok(0) => return Err("it ends in the middle of a frame".to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.to_string()),
        }
        frame.push(byte[0]);
        if frame.len() > LONGEST_HEADER {
            return Err("its header does not end".to_owned());
        }
        match (frame.len(), byte[0]) {
            (1, b'P') | (2, b'5' | b'6') => {}
            (1 | 2, other) => return Err(format!("it begins with byte {other}")),
            (_, b'\n') if in_comment => in_comment = false,
            (_, _) if in_comment => {}
            (_, b'#') if number.is_none() => in_comment = true,
            (_, digit @ b'0'..=b'9') => {
                let value = number.unwrap_or(0) * 10 + u64::from(digit - b'0');
                if value > 1 << 20 {
                    return Err(format!("{value} is too large for a side"));
                }
                number = Some(value);
            }
            (_, b' ' | b'\t' | b'\r' | b'\n') => numbers.extend(number.take()),
            (_, other) => return Err(format!("its header has the byte {other}")),
        }
    }
    let (channels, depth) = (if frame[1] == b'6' { 3 } else { 1 }, if numbers[2] > 255 { 2 } else { 1 });
    let n_bytes = numbers[0] * numbers[1] * channels * depth;
    if n_bytes == 0 || !(1..=65535).contains(&numbers[2]) || n_bytes > max_bytes {
        return Err(format!("{} x {} pixels with values to {} are not taken", numbers[0], numbers[1], numbers[2]));
    }
    let head = frame.len();
    let room = usize::try_from(n_bytes).map_err(|_| "it is too large".to_owned())?;
    frame.resize(head + room, 0);
    stream.read_exact(&mut frame[head..]).map_err(|_| "it ends in the middle of a frame".to_owned())?;
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1 << 20;

    #[test]
    fn frames_follow_each_other_and_come_back_byte_for_byte() {
        let first = b"P5 2 2 255\n\x01\x02\x0a\x04".to_vec();
        let second = b"P6\n# a camera\n1 2\n65535\nabcdefghijkl".to_vec();
        let stream = [first.clone(), second.clone()].concat();
        let mut stream = &stream[..];
        assert_eq!(read_frame(&mut stream, MAX).unwrap(), Some(first));
        assert_eq!(read_frame(&mut stream, MAX).unwrap(), Some(second));
        assert_eq!(read_frame(&mut stream, MAX).unwrap(), None);
    }

    #[test]
    fn what_is_no_frame_is_refused_before_memory_is_taken() {
        let cases: [(&[u8], &str); 7] = [
            (b"\x89PNG", "begins with"),
            (b"P4 1 1\n", "begins with"),
            (b"P5 2 2 255\n\x01", "middle of a frame"),
            (b"P5 2", "middle of a frame"),
            (b"P5 100000 100000 255\n", "not taken"),
            (b"P5 9999999 1 255\n", "too large"),
            (b"P5 0 2 255\n", "not taken"),
        ];
        for (bytes, expected) in cases {
            let why = read_frame(&mut &bytes[..], MAX).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
        let endless = [b"P5 ".to_vec(), vec![b' '; 1000]].concat();
        assert!(read_frame(&mut &endless[..], MAX).unwrap_err().contains("does not end"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_tells_why_it_ended_and_is_stopped_with_its_line() {
        let command = |script: &str| ["sh", "-c", script].map(str::to_owned);
        let mut frames = Frames::spawn(&command("printf 'P5 1 1 255\\n7'; echo no camera >&2; exit 3"), MAX).unwrap();
        assert_eq!(frames.next().unwrap(), b"P5 1 1 255\n7");
        thread::sleep(std::time::Duration::from_millis(100));
        let ended = frames.next().unwrap_err().to_string();
        assert!(ended.contains('3') && ended.contains("no camera"), "{ended}");
        let frames = Frames::spawn(&command("exec sleep 100"), MAX).unwrap();
        let alive = format!("/proc/{}/stat", lock(&frames.child).id());
        drop(frames);
        assert!(!std::path::Path::new(&alive).exists());
        assert!(matches!(Frames::spawn(&["/no/such/program".to_owned()], MAX), Err(FrameError::Start { .. })));
    }
}
