//! Files that come with a request: they go to a place of their own, and nowhere where the request says.

use super::app::App;
use super::problem::Problem;
use crate::serve::place::{DataFolder, file_name, shown_name};
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::time::timeout;
use tokio_stream::StreamExt;

/// Bytes of a field that is no file.
const LONGEST_FIELD: usize = 64 << 10;
/// Fields that are no files.
const MOST_FIELDS: usize = 64;

/// A file that was uploaded.
#[derive(Clone, Debug)]
pub(super) struct Uploaded {
    /// What people see.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// What came with a request. Files that nobody took are gone with it.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) folder: PathBuf,
    pub(super) files: Vec<Uploaded>,
    fields: HashMap<String, String>,
}

impl Drop for Upload {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Upload {
    /// A field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.field(name).ok_or_else(|| Problem::bad(format!("the field {name} is missing")))
    }

    /// The only file.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(super) fn one(&self) -> Result<&Uploaded, Problem> {
        match &self.files[..] {
            [one] => Ok(one),
            files => Err(Problem::bad(format!("one file is expected, not {}", files.len()))),
        }
    }

    fn begin(place: &DataFolder) -> Result<Self, Problem> {
        let folder = place.unfinished();
        std::fs::create_dir(&folder)?;
        Ok(Self { folder, files: vec![], fields: HashMap::new() })
    }

    fn next_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}-{}", self.files.len() + 1, file_name(name)))
    }
}

/// What is left of the bytes of a request.
struct Budget {
    left: u64,
    all: u64,
    idle: Duration,
}

impl Budget {
    fn take(&mut self, n: usize) -> Result<(), Problem> {
        let all = self.all;
        let large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {all} bytes"));
        self.left = self.left.checked_sub(n as u64).ok_or_else(large)?;
        Ok(())
    }
}

fn slow(_elapsed: impl Sized) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "nothing came for too long")
}

fn broken(error: &dyn std::fmt::Display) -> Problem {
    Problem::bad(format!("the request is broken: {error}"))
}

/// Takes a multipart form, or a body that is one image.
///
/// # Errors
/// What is too large, too many, too slow, or no form.
pub(super) async fn take(app: &App, request: Request) -> Result<Upload, Problem> {
    let options = &app.station.options;
    let all = options.max_request_bytes;
    let mut budget = Budget { left: all, all, idle: Duration::from_secs(options.idle_timeout_s) };
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut upload = Upload::begin(&app.station.place)?;
    if kind.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
        take_form(form, &mut upload, &mut budget, options.max_files).await?;
    } else {
        let name = query_name(&request).unwrap_or_else(|| format!("image.{}", extension(kind)));
        let path = upload.next_path(&name);
        let bytes = take_body(request.into_body(), &path, &mut budget).await?;
        upload.files.push(Uploaded { name: shown_name(&name), path, bytes });
    }
    Ok(upload)
}

/// The file extension of a content type, for formats that are not told by their bytes.
fn extension(kind: &str) -> &'static str {
    match kind.split(';').next().unwrap_or_default().trim() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tiff",
        "image/bmp" => "bmp",
        "image/webp" => "webp",
        _ => "bin",
    }
}

/// `name=...` of the address.
fn query_name(request: &Request) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: Option<String>,
    }
    axum::extract::Query::<Named>::try_from_uri(request.uri()).ok()?.0.name.filter(|name| !name.is_empty())
}

async fn take_body(body: Body, path: &Path, budget: &mut Budget) -> Result<u64, Problem> {
    let mut chunks = body.into_data_stream();
    let mut file = BufWriter::new(File::create_new(path).await?);
    let mut n = 0;
    while let Some(chunk) = timeout(budget.idle, chunks.next()).await.map_err(slow)? {
        let chunk = chunk.map_err(|error| broken(&error))?;
        budget.take(chunk.len())?;
        n += chunk.len() as u64;
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    if n == 0 { Err(Problem::bad("the body is empty: send the bytes of an image")) } else { Ok(n) }
}

async fn take_form(mut form: Multipart, upload: &mut Upload, budget: &mut Budget, most: usize) -> Result<(), Problem> {
    while let Some(mut field) = timeout(budget.idle, form.next_field()).await.map_err(slow)?.map_err(|e| broken(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file) = field.file_name().map(str::to_owned) else {
            let mut value = vec![];
            while let Some(chunk) = timeout(budget.idle, field.chunk()).await.map_err(slow)?.map_err(|e| broken(&e))? {
                budget.take(chunk.len())?;
                value.extend_from_slice(&chunk);
                if value.len() > LONGEST_FIELD {
                    return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the field {name} is too long")));
                }
            }
            if upload.fields.len() >= MOST_FIELDS {
                return Err(Problem::bad(format!("a form has at most {MOST_FIELDS} fields beside its files")));
            }
            let value = String::from_utf8(value).map_err(|_| Problem::bad(format!("the field {name} is no text")))?;
            upload.fields.insert(name, value);
            continue;
        };
        if upload.files.len() >= most {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {most} files")));
        }
        let path = upload.next_path(&file);
        let mut out = BufWriter::new(File::create_new(&path).await?);
        let mut bytes = 0;
        while let Some(chunk) = timeout(budget.idle, field.chunk()).await.map_err(slow)?.map_err(|e| broken(&e))? {
            budget.take(chunk.len())?;
            bytes += chunk.len() as u64;
            out.write_all(&chunk).await?;
        }
        out.flush().await?;
        upload.files.push(Uploaded { name: shown_name(&file), path, bytes });
    }
    Ok(())
}
