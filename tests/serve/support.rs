//! A server of the program itself, asked over HTTP.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ureq::Agent;

/// How long a test waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(180);

/// Simulated parts and a bundle fitted on them; made once for all tests.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn get() -> &'static Self {
        static FIXTURE: OnceLock<Fixture> = OnceLock::new();
        FIXTURE.get_or_init(|| {
            let folder = TempDir::new().unwrap();
            let fixture = Self { folder };
            let counts = ["--train", "40", "--good", "12", "--each", "6", "--size", "96"];
            run(pcore(fixture.path()).args(["synth", "part", "--out", "parts"]).args(counts));
            let fit = ["fit", "--normal", "parts/train/good", "--quality", "fast", "--bundle", "part.pcore"];
            run(pcore(fixture.path()).args(fit));
            fixture
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.path().join("part.pcore")
    }

    /// Normal images that the bundle was fitted on.
    pub(crate) fn normals(&self) -> Vec<PathBuf> {
        images(&self.path().join("parts/train/good"))
    }

    /// Images to inspect.
    pub(crate) fn tests(&self) -> Vec<PathBuf> {
        let kinds = ["good", "scratch", "stain"];
        kinds.iter().flat_map(|kind| images(&self.path().join("parts/test").join(kind))).collect()
    }
}

fn images(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty(), "{}", folder.display());
    found
}

/// The program, in `folder`, with its own home there.
pub(crate) fn pcore(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcore"));
    command.current_dir(folder).env("PCORE_HOME", folder.join(".pcore")).env_remove("RAYON_NUM_THREADS");
    command
}

/// Runs it to its end, which is good; gives standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A server that runs.
pub(crate) struct Server {
    child: Mutex<Option<Child>>,
    pub(crate) url: String,
    log: Arc<Mutex<String>>,
    agent: Agent,
    token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    /// The body, of an answer that is good.
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status < 300, "{}: {}", self.status, String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    /// Starts a server with its data in `data`.
    pub(crate) fn start(data: &Path, args: &[&str]) -> Self {
        let mut command = pcore(Fixture::get().path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(args);
        Self::of(command.stdout(Stdio::null()).stderr(Stdio::piped()))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut before) = (String::new(), String::new());
        let url = loop {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the server did not start: {before}");
            before.push_str(&line);
            if let Some((_, rest)) = line.split_once("pcore serves ") {
                break rest.split(',').next().unwrap().trim().to_owned();
            }
        };
        let log = Arc::new(Mutex::new(before));
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = lines.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child: Mutex::new(Some(child)), url, log, agent: agent(), token: None }
    }

    /// Another one who asks the server at this address.
    pub(crate) fn of_url(url: &str) -> Self {
        Self { child: Mutex::default(), url: url.to_owned(), log: Arc::default(), agent: agent(), token: None }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Its process.
    #[allow(dead_code, reason = "the bench asks for it")]
    pub(crate) fn id(&self) -> u32 {
        self.child.lock().unwrap().as_ref().unwrap().id()
    }

    /// What it told.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Kills it as `kill -9` does, while others ask.
    pub(crate) fn kill_at_once(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end, as a service manager does, and waits for that.
    #[cfg(unix)]
    pub(crate) fn end(self) -> i32 {
        let mut child = self.child.lock().unwrap().take().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Makes a request.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_ask(method, path, headers, body).unwrap()
    }

    pub(crate) fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(body.to_vec()).unwrap();
        let mut answer = self.agent.run(request)?;
        let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec()?;
        Ok(Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &[])
    }

    pub(crate) fn send(&self, method: &str, path: &str, value: &Value) -> Answer {
        self.ask(method, path, &[("content-type", "application/json")], value.to_string().as_bytes())
    }

    /// Sends a form.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])], name: &str) -> Answer {
        let (kind, body) = form(fields, files, name);
        self.ask("POST", path, &[("content-type", &kind)], &body)
    }

    /// Gives it the fixture's bundle, as the detector `part`.
    pub(crate) fn with_detector(self) -> Self {
        let bundle = fs::read(Fixture::get().bundle()).unwrap();
        let answer = self.form("/api/v1/detectors", &[("name", "Part")], &[("part.pcore", &bundle)], "bundle");
        assert_eq!(answer.ok()["id"], "part");
        self
    }

    /// Inspects one image.
    pub(crate) fn inspect(&self, path: &Path) -> Answer {
        let name = path.file_name().unwrap().to_str().unwrap();
        self.ask("POST", &format!("/api/v1/inspect?detector=part&name={name}"), &[], &fs::read(path).unwrap())
    }

    /// Uploads images as a job; gives its number.
    pub(crate) fn job(&self, images: &[PathBuf]) -> i64 {
        let answer = self.upload("/api/v1/jobs", &[("detector", "part")], images);
        answer.ok()["id"].as_i64().unwrap()
    }

    pub(crate) fn upload(&self, path: &str, fields: &[(&str, &str)], images: &[PathBuf]) -> Answer {
        self.try_upload(path, fields, images).unwrap()
    }

    pub(crate) fn try_upload(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        images: &[PathBuf],
    ) -> Result<Answer, ureq::Error> {
        let bytes: Vec<(String, Vec<u8>)> = images
            .iter()
            .map(|path| {
                let parts: Vec<_> = path.components().rev().take(2).collect();
                let name =
                    format!("{}/{}", parts[1].as_os_str().to_str().unwrap(), parts[0].as_os_str().to_str().unwrap());
                (name, fs::read(path).unwrap())
            })
            .collect();
        let files: Vec<(&str, &[u8])> = bytes.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        let (kind, body) = form(fields, &files, "images");
        self.try_ask("POST", path, &[("content-type", &kind)], &body)
    }

    /// Waits until a job is over.
    pub(crate) fn finished(&self, job: i64) -> Value {
        let path = format!("/api/v1/jobs/{job}");
        eventually(&path, || {
            let found = self.get(&path).ok();
            ["completed", "failed", "cancelled"].contains(&found["state"].as_str().unwrap()).then_some(found)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill_at_once();
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).max_redirects(0);
    // A connection that is kept may be closed by the server at the moment at which it is used again.
    config.max_idle_connections(0).build().into()
}

/// A form as browsers send it: its content type, and its bytes.
pub(crate) fn form(fields: &[(&str, &str)], files: &[(&str, &[u8])], name: &str) -> (String, Vec<u8>) {
    let (edge, mut body) = ("----pcore-test-edge", vec![]);
    for (field, value) in fields {
        body.extend(format!("--{edge}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
    }
    for (file, bytes) in files {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"");
        body.extend(format!("--{edge}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n").bytes());
        body.extend_from_slice(bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{edge}--\r\n").bytes());
    (format!("multipart/form-data; boundary={edge}"), body)
}

/// Asks again and again, until there is an answer.
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_in(PATIENCE, what, ask)
}

/// The same, with more patience.
pub(crate) fn eventually_in<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < patience, "it never came: {what}");
        thread::sleep(Duration::from_millis(30));
    }
}

/// A JSON object with one text.
pub(crate) fn named(name: &str) -> Value {
    json!({ "name": name })
}
