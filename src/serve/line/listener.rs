//! For tests: somebody whom results are sent to over HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// What was sent.
pub(super) struct Request {
    /// Method and path.
    pub(super) first: String,
    /// The headers, as they came.
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// Answers one request after the other with these statuses; tells what each was, and at which address.
pub(super) fn listener(statuses: &'static [u16]) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for status in statuses {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let request = read(&mut reader);
            let answer = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\nlocation: http://127.0.0.1:1/\r\n\r\n"
            );
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            sender.send(request).unwrap();
        }
    });
    (address, receiver)
}

fn read(reader: &mut impl BufRead) -> Request {
    let mut lines = vec![];
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    Request { first: lines.remove(0), headers: lines, body }
}
