//! A server for stations: one program that takes images over HTTP, from folders and from cameras, inspects them by the way that
//! `pcore infer` takes, keeps every result, and shows them on a page.
//!
//! ```text
//! request, watched folder, camera -> upload, line -> store (accepted) -> work::inspecting -> infer -> store (done) -> page, sinks
//! ```
//!
//! An image that was accepted is a row of the database and a file; it gets exactly one result, also where the server is killed in
//! between. One thread inspects whatever waits, the most urgent first; another one fits, updates, calibrates and compares, and gives
//! way to it.
//!
//! | part | what |
//! |---|---|
//! | `place` | the data folder |
//! | `store` | the database in it |
//! | `work` | the threads |
//! | `line` | sources and sinks |
//! | `http` | requests |
//! | `record` | what the API tells |
//! | `page` | what people see |

mod clock;
mod error;
mod http;
mod line;
mod metrics;
mod options;
mod page;
mod place;
pub mod record;
mod server;
mod store;
mod work;

pub use error::ServeError;
pub use options::{LEAST_PASSWORD, ServeOptions};
pub use server::Server;

/// The description of the API (OpenAPI 3.1), as JSON.
///
/// # Errors
/// Never, but for what can't be written as JSON.
pub fn api_description() -> Result<String, serde_json::Error> {
    http::description()
}
