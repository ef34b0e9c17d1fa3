//! A real browser, driven over WebDriver: <https://www.w3.org/TR/webdriver2/>.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the page may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Headless Chromium with one window; closed with its driver when dropped.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    /// Held open: a driver that cannot write ends.
    _said: BufReader<ChildStdout>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it; none where no browser is installed, which CI does not forgive.
    pub(crate) async fn start() -> Option<Self> {
        let Some(chromium) = installed("chromium") else { return absent("chromium") };
        let Some(driver) = installed("chromedriver") else { return absent("chromedriver") };
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let port = said.by_ref().lines().map_while(Result::ok).find_map(|line| port_in(&line));
        let port = port.expect("the driver says its port");
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1400,1800",
            &data,
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": chromium, "args": arguments },
        }}});
        let root = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, session: root, http, _said: said, _profile: profile };
        let made = browser.post("", &capabilities).await;
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}")).to_owned();
        browser.session = format!("{}/{id}", browser.session);
        Some(browser)
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    /// What a script returns, run in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// Waits until an expression is true in the page; `what` is said when it never is.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let start = Instant::now();
        let script = format!("return Boolean({expression})");
        while self.run(&script).await != true {
            if start.elapsed() > PATIENCE {
                let page = self.run("return document.body.innerText").await;
                panic!("waited in vain: {what}\n{}", page.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Types into a field and leaves it as a person would.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css })).await;
        let id = found.as_object().and_then(|one| one.values().next()?.as_str()).expect("the field is there");
        self.post(&format!("/element/{id}/clear"), &json!({})).await;
        self.post(&format!("/element/{id}/value"), &json!({ "text": text })).await;
    }

    pub(crate) async fn click(&self, css: &str) {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css })).await;
        let id = found.as_object().and_then(|one| one.values().next()?.as_str()).expect("it is there");
        self.post(&format!("/element/{id}/click"), &json!({})).await;
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        let answer =
            self.http.post(&url).json(body).send().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let mut answer: Value = answer.json().await.unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A driver that is killed leaves its browser behind: the session is ended first.
        if let Some((address, path)) = self.session.trim_start_matches("http://").split_once('/')
            && let Ok(mut stream) = TcpStream::connect(address)
        {
            let request = format!("DELETE /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read(&mut [0; 512]));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn port_in(line: &str) -> Option<u16> {
    line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
}

fn installed(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(program));
    places.find(|place| Path::exists(place)).map(|place| place.display().to_string())
}

fn absent<T>(program: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "CI must have {program}");
    println!("skipped: {program} is not installed");
    None
}
