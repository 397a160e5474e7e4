//! A controller's view.

use super::super::tests::found;
use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_modbus::ExceptionCode;
use tokio_modbus::client::{Context, Reader, Writer, tcp};

const ANY: (std::net::Ipv4Addr, u16) = (std::net::Ipv4Addr::LOCALHOST, 0);

fn part(id: i64, verdict: Option<&str>, score: Option<f32>) -> FoundRecord {
    FoundRecord { id, verdict: verdict.map(str::to_owned), score, ..found() }
}

struct Client {
    runtime: Runtime,
    context: Context,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let context = runtime.block_on(tcp::connect(address)).unwrap();
        Self { runtime, context }
    }

    fn words(&mut self, at: u16, n: u16) -> Result<Vec<u16>, ExceptionCode> {
        self.runtime.block_on(self.context.read_holding_registers(at, n)).unwrap()
    }

    fn coils(&mut self) -> Vec<bool> {
        self.runtime.block_on(self.context.read_coils(0, 2)).unwrap().unwrap()
    }

    /// Parts, verdict, score, error.
    fn part(&mut self) -> (u32, u16, i32, u16) {
        let words = self.words(1, 6).unwrap();
        let both = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
        (both(words[0], words[1]), words[2], both(words[3], words[4]).cast_signed(), words[5])
    }
}

#[test]
fn a_controller_reads_the_last_part() {
    let sink = ModbusSink::open(ANY.into()).unwrap();
    let mut client = Client::new(sink.address());
    assert_eq!((client.part(), client.coils()), ((0, 0, i32::MIN, 0), vec![false, false]));
    let cases = [
        (part(5, Some("normal"), Some(1.25)), (1, 1, 12_500, 0), [true, false]),
        (part(6, Some("anomalous"), Some(-70.0)), (2, 2, -700_000, 0), [false, true]),
        (part(6, Some("anomalous"), Some(-70.0)), (2, 2, -700_000, 0), [false, true]),
        (part(7, None, Some(f32::NAN)), (3, 0, i32::MIN, 0), [false, false]),
        (part(8, Some("anomalous"), Some(1e9)), (4, 2, i32::MAX, 0), [false, true]),
        (part(9, Some("anomalous"), Some(f32::MIN)), (5, 2, i32::MIN + 1, 0), [false, true]),
        (
            FoundRecord { error: Some("torn".to_owned()), ..part(10, Some("normal"), None) },
            (6, 0, i32::MIN, 1),
            [false, false],
        ),
        (part(11, Some("normal"), Some(0.0)), (7, 1, 0, 0), [true, false]),
    ];
    for (found, part, coils) in cases {
        sink.show(&found);
        assert_eq!((client.part(), client.coils()), (part, coils.to_vec()), "{found:?}");
    }
    let input = client.runtime.block_on(client.context.read_input_registers(1, 6)).unwrap().unwrap();
    assert_eq!(input, client.words(1, 6).unwrap());
}

#[test]
fn the_heartbeat_counts_seconds() {
    let sink = ModbusSink::open(ANY.into()).unwrap();
    let mut client = Client::new(sink.address());
    let first = client.words(0, 1).unwrap()[0];
    thread::sleep(Duration::from_millis(1100));
    let second = client.words(0, 1).unwrap()[0];
    assert!((1..=2).contains(&second.wrapping_sub(first)), "{first} {second}");
}

#[test]
fn nothing_else_is_read_or_written() {
    let sink = ModbusSink::open(ANY.into()).unwrap();
    let mut client = Client::new(sink.address());
    for (at, n) in [(7, 1), (0, 8), (6, 2), (65535, 1), (65535, 125)] {
        assert_eq!(client.words(at, n), Err(ExceptionCode::IllegalDataAddress), "{at} {n}");
    }
    let written = client.runtime.block_on(client.context.write_single_register(0, 1)).unwrap();
    assert_eq!(written, Err(ExceptionCode::IllegalFunction));
    let written = client.runtime.block_on(client.context.write_single_coil(0, true)).unwrap();
    assert_eq!(written, Err(ExceptionCode::IllegalFunction));
    // What is no Modbus disturbs nobody.
    let mut foreign = TcpStream::connect(sink.address()).unwrap();
    foreign.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(client.words(0, 7).is_ok());
}

#[test]
fn a_connection_without_requests_ends_and_the_server_ends_with_its_sink() {
    let registers = Arc::new(Registers::default());
    let server = Server::with_idle(ANY.into(), registers, Duration::from_millis(150)).unwrap();
    let mut idle = TcpStream::connect(server.address()).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut busy = Client::new(server.address());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(400) {
        assert!(busy.words(0, 1).is_ok());
        thread::sleep(Duration::from_millis(30));
    }
    assert_eq!(idle.read(&mut [0; 8]).unwrap(), 0);
    let address = server.address();
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_millis(500));
    assert!(TcpStream::connect(address).is_err());
    let again = ModbusSink::open(address).unwrap();
    assert!(Client::new(again.address()).words(0, 7).is_ok());
    assert!(ModbusSink::open(address).is_err(), "an address that is taken is told");
}

#[test]
fn too_many_controllers_are_sent_away_and_make_room_again() {
    let sink = ModbusSink::open(ANY.into()).unwrap();
    let mut all: Vec<Client> = (0..32).map(|_| Client::new(sink.address())).collect();
    for client in &mut all {
        assert!(client.words(0, 1).is_ok());
    }
    let mut more = TcpStream::connect(sink.address()).unwrap();
    more.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    assert_eq!(more.read(&mut [0; 8]).unwrap(), 0);
    all.pop();
    thread::sleep(Duration::from_millis(100));
    assert!(Client::new(sink.address()).words(0, 7).is_ok());
}
