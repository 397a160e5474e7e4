//! The page, in a browser: Chromium, driven as people use it. Skipped where chromedriver is not installed; `PCORE_NEEDS_BROWSER=1` makes
//! that a failure. `PCORE_SHOTS=DIR` keeps pictures of every page; `PCORE_AXE=axe.min.js` has axe-core look at each.

use crate::support::{Fixture, Server, eventually};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use ureq::Agent;

const PASSWORD: &str = "correct horse 1";
/// How WebDriver names an element (W3C WebDriver, section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser, and what drives it.
struct Browser {
    driver: Child,
    session: String,
    agent: Agent,
    url: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens one; `None` where there is none.
    fn open(url: &str) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().ok()?;
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(120)));
        let agent: Agent = config.build().into();
        let root = format!("http://127.0.0.1:{port}");
        eventually("chromedriver", || agent.get(format!("{root}/status")).call().ok());
        let profile = tempfile::tempdir().unwrap();
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--lang=en",
        ];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"}}}});
        let mut browser = Self { driver, session: root, agent, url: url.to_owned(), _profile: profile };
        let session = browser.ask("POST", "/session", &capabilities);
        browser.session = format!("{}/session/{}", browser.session, session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_ask(method, path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let url = format!("{}{path}", self.session);
        let answer = match method {
            "GET" => self.agent.get(url).call(),
            _ => self.agent.post(url).header("content-type", "application/json").send(body.to_string()),
        };
        let text = answer.unwrap().body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let value = answer["value"].clone();
        if value["error"].is_null() { Ok(value) } else { Err(value) }
    }

    fn go(&self, path: &str) {
        self.ask("POST", "/url", &json!({"url": format!("{}{path}", self.url)}));
    }

    fn find(&self, selector: &str) -> String {
        let found = self.ask("POST", "/element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.ask("POST", &format!("/element/{element}/click"), &json!({}));
    }

    fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.ask("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Chooses files, as the dialog would.
    fn choose(&self, selector: &str, files: &[PathBuf]) {
        let names: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        self.write(selector, &names.join("\n"));
    }

    fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression holds on the page.
    fn until(&self, expression: &str) {
        // A page that is about to be left, or is not there yet, has no such thing.
        let script = format!("try {{ return Boolean({expression}) }} catch {{ return false }}");
        let body = json!({"script": script, "args": []});
        eventually(expression, || (self.try_ask("POST", "/execute/sync", &body).ok()? == true).then_some(()));
    }

    fn path(&self) -> String {
        self.run("return location.pathname").as_str().unwrap().to_owned()
    }

    fn size(&self, width: u32, height: u32) {
        self.ask("POST", "/window/rect", &json!({"width": width, "height": height}));
    }

    /// What the console said that is an error, among it what the content security policy forbade.
    fn errors(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let is_ours =
            |text: &str| ["Content Security Policy", "Uncaught", "status of 5"].iter().any(|word| text.contains(word));
        let all = log.as_array().unwrap().iter();
        // A request that is broken off by the next page is nobody's error.
        let severe = all.filter(|entry| entry["level"] == "SEVERE" && is_ours(entry["message"].as_str().unwrap()));
        severe.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.agent.delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// A browser, or a word that there is none.
fn browser(url: &str) -> Option<Browser> {
    let found = Browser::open(url);
    assert!(found.is_some() || std::env::var_os("PCORE_NEEDS_BROWSER").is_none(), "chromedriver can't be started");
    found
}

/// Uploads on the page that is open, and waits for what comes then.
fn upload(browser: &Browser, files: &[PathBuf], then: &str) {
    browser.choose("form[data-upload] input[type=file][accept^='image']", files);
    browser.until("!document.querySelector('form[data-upload] button.primary').disabled");
    browser.click("form[data-upload] button.primary");
    browser.until(then);
}

#[test]
fn a_newcomer_fits_inspects_marks_moves_the_threshold_updates_and_takes_back() {
    let (fixture, folder) = (Fixture::get(), tempfile::tempdir().unwrap());
    let secret = folder.path().join("secret");
    fs::write(&secret, PASSWORD).unwrap();
    let args = ["--admin", "anna", "--password-file", secret.to_str().unwrap()];
    let server = Server::start(&folder.path().join("data"), &args);
    let Some(browser) = browser(&server.url) else {
        skipped!("the page in a browser: chromedriver is not installed");
        return;
    };
    browser.size(1280, 900);
    // Whoever is not signed in is asked to, and comes back.
    browser.go("/datasets");
    assert_eq!(browser.path(), "/login");
    browser.write("input[name=name]", "anna");
    browser.write("input[name=password]", PASSWORD);
    browser.click("button.primary");
    browser.until("location.pathname === '/datasets'");
    fits_and_inspects(&browser, fixture, &folder.path().join("many"));
    let job = browser.path();
    marks(&browser, &job);
    moves_updates_and_takes_back(&browser, &server);
    makes_a_line(&browser);
    assert_eq!(browser.errors(), Vec::<String>::new());
    looked_at(
        &browser,
        &[
            "/",
            "/upload",
            "/jobs",
            &job,
            &format!("{job}?view=table"),
            "/results/1",
            "/history",
            "/detectors",
            "/detectors/part-1",
            "/datasets",
            "/datasets/1",
            "/settings",
            "/lines/1",
        ],
    );
}

/// A detector of uploaded photographs, and a hundred images and more by it; the page is that of their job then.
fn fits_and_inspects(browser: &Browser, fixture: &Fixture, folder: &Path) {
    // Normal images.
    browser.write("form[data-api='/api/v1/datasets'] input[name=name]", "normal parts");
    browser.click("form[data-api='/api/v1/datasets'] button");
    browser.until("location.pathname === '/datasets/1'");
    upload(browser, &fixture.normals(), "document.querySelectorAll('[data-item]').length === 40");
    // A detector of them.
    browser.go("/detectors?dataset=1");
    browser.write("#fit input[name=name]", "Part 1");
    browser.run("document.querySelector(\"#fit input[value=fast]\").click()");
    browser.click("#fit button.primary");
    browser.until("/^\\/jobs\\//.test(location.pathname)");
    browser.until(
        "document.querySelector('#job .state, #job [class*=completed]') && /Completed/.test(document.body.innerText)",
    );
    // A hundred images and more, with their progress.
    browser.go("/upload?detector=part-1");
    let many: Vec<PathBuf> = fixture.tests().into_iter().cycle().take(120).collect();
    let many = copies(&many, folder);
    upload(browser, &many, "/^\\/jobs\\//.test(location.pathname)");
    browser.until("/Completed/.test(document.querySelector('#job').innerText) && /120/.test(document.querySelector('#job').innerText)");
    browser.until("document.querySelectorAll('[data-item]').length >= 50");
}

fn marks(browser: &Browser, job: &str) {
    // The worst one is no defect, says somebody.
    browser.go(&format!("{job}?sort=-score"));
    browser.click("[data-item] a");
    browser.until("/^\\/results\\//.test(location.pathname)");
    browser.until("document.querySelector('button[name=mark]')");
    browser.click("button[name=mark][value=false_alarm]");
    browser.until("document.querySelector('[data-method=DELETE]')");
}

fn moves_updates_and_takes_back(browser: &Browser, server: &Server) {
    // Another threshold.
    browser.go("/detectors/part-1");
    let slider = "document.querySelector('.threshold input[type=range]')";
    browser.run(&format!(
        "const s = {slider}; s.value = Math.floor(s.max / 2); s.dispatchEvent(new Event('input', {{bubbles: true}}))"
    ));
    browser.until("!document.querySelector('[data-apply]').disabled");
    browser.click("[data-apply]");
    browser.until("/threshold for/.test(document.body.innerText)");
    // It learns what was no defect, and forgets it again.
    browser.click("form[data-api$='/update'] input[name=feedback] ~ button");
    browser.until("/^\\/jobs\\//.test(location.pathname)");
    browser.until("/Completed/.test(document.querySelector('#job').innerText)");
    let before = version(browser, server);
    browser.go("/detectors/part-1");
    browser.click("button[data-api$='/undo']");
    browser.until("document.querySelector('dialog.ask').open");
    browser.click("dialog.ask button[value=yes]");
    eventually("the version before", || (version(browser, server) != before).then_some(()));
}

/// A line that is pushed to, and where its results go.
fn makes_a_line(browser: &Browser) {
    browser.go("/");
    browser.run("document.querySelector('#new-line').open = true");
    browser.write("#new-line input[name=name]", "Line 1");
    browser.run("const s = document.querySelector('#new-line select[name=\"source.kind\"]'); s.value = 'push'; s.dispatchEvent(new Event('change', {bubbles: true}))");
    browser.click("#new-line button.primary");
    browser.until("location.pathname === '/lines/1'");
    let sinks = json!([{"kind": "webhook", "url": "http://127.0.0.1:9/", "secret": "s3cret"}]).to_string();
    for (text, told) in [
        ("no JSON".to_owned(), "/sinks/.test(document.querySelector('form:has(textarea)').innerText)"),
        (sinks, "/webhook http:\\/\\/127.0.0.1:9/.test(document.querySelector('dl.panel').innerText)"),
    ] {
        browser.run("document.querySelector('details:has(textarea)').open = true");
        browser.run(&format!("document.querySelector('textarea[name=sinks]').value = {}", json!(text)));
        browser.click("form:has(textarea) button.primary");
        browser.until(told);
    }
    assert!(!browser.run("return document.body.innerHTML").to_string().contains("s3cret"));
}

/// The bundle in use, as whoever is signed in is told. (A page that is being loaded anew would forget what it was asked.)
fn version(browser: &Browser, server: &Server) -> Value {
    let cookie = browser.ask("GET", "/cookie/pcore_session", &Value::Null)["value"].as_str().unwrap().to_owned();
    let cookie = format!("pcore_session={cookie}");
    server.ask("GET", "/api/v1/detectors/part-1", &[("cookie", &cookie)], &[]).ok()["version"].clone()
}

fn copies(files: &[PathBuf], into: &Path) -> Vec<PathBuf> {
    fs::create_dir(into).unwrap();
    let copy = |(at, path): (usize, &PathBuf)| {
        let to = into.join(format!("{at:03}.png"));
        fs::copy(path, &to).unwrap();
        to
    };
    files.iter().enumerate().map(copy).collect()
}

/// Every page on a phone, a screen and a wall, light and dark: nothing runs out of it, and axe finds nothing serious.
fn looked_at(browser: &Browser, pages: &[&str]) {
    let axe = std::env::var_os("PCORE_AXE").map(|path| fs::read_to_string(path).unwrap());
    if axe.is_none() {
        skipped!("axe-core on every page: PCORE_AXE names no axe.min.js");
    }
    for (width, height) in [(390, 844), (1280, 900), (2560, 1440)] {
        // A window is never narrower than 500 pixels; a device may be.
        let metrics = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}});
        browser.ask("POST", "/goog/cdp/execute", &metrics);
        for theme in ["light", "dark"] {
            for page in pages {
                browser.go(page);
                browser.run(&format!("document.documentElement.dataset.theme = '{theme}'"));
                let over =
                    browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
                assert!(over.as_i64() <= Some(0), "{page} at {width} pixels is {over} pixels too wide");
                if let Some(axe) = &axe {
                    check(browser, axe, &format!("{page} at {width} pixels, {theme}"));
                }
                keep(browser, &format!("{}-{width}-{theme}", page.replace(['/', '?', '='], "_")));
            }
        }
    }
}

fn check(browser: &Browser, axe: &str, what: &str) {
    browser.run(axe);
    let script = "const done = arguments[0]; axe.run().then(r => done(r.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', '))))";
    let found = browser.ask("POST", "/execute/async", &json!({"script": script, "args": []}));
    assert_eq!(found, json!([]), "{what}");
}

fn keep(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("PCORE_SHOTS") else { return };
    let shot = browser.ask("GET", "/screenshot", &Value::Null);
    let bytes = data_encoding::BASE64.decode(shot.as_str().unwrap().as_bytes()).unwrap();
    fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
}
