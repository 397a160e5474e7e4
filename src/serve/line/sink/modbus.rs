//! Registers that a controller reads over Modbus TCP.
//!
//! | holding or input register | what |
//! | --- | --- |
//! | 0 | heartbeat: counts seconds, from 65535 on to 0 |
//! | 1, 2 | parts since the start, 32 bits, the high word first |
//! | 3 | verdict of the last part: 0 none, 1 normal, 2 anomalous |
//! | 4, 5 | its score x 10,000, signed, 32 bits, the high word first; -2147483648: none |
//! | 6 | error: 0 none, 1 the last image could not be inspected |
//!
//! | coil or discrete input | what |
//! | --- | --- |
//! | 0 | ok: the last part is normal |
//! | 1 | not ok: the last part is anomalous |
//!
//! Both coils are off before the first part, and after one without a verdict. What is read by one request belongs to one part.
//! Nothing can be written.

mod idle;
mod registers;
mod server;
#[cfg(test)]
mod tests;

use crate::serve::record::FoundRecord;
use registers::Registers;
use server::Server;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Shows the last result to controllers. Modbus has no passwords: whoever reaches the address can read it.
#[derive(Debug)]
pub(in crate::serve::line) struct ModbusSink {
    registers: Arc<Registers>,
    server: Server,
}

impl ModbusSink {
    /// Listens on this address until it is dropped.
    ///
    /// # Errors
    /// What the system says, such as that the address is taken.
    pub(super) fn open(listen: SocketAddr) -> io::Result<Self> {
        let registers = Arc::new(Registers::default());
        let server = Server::open(listen, Arc::clone(&registers))?;
        let sink = Self { registers, server };
        tracing::info!(address = %sink.address(), "registers are there for controllers");
        Ok(sink)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Shows a result.
    pub(super) fn show(&self, found: &FoundRecord) {
        self.registers.show(found);
    }
}
