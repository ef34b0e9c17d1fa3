//! A real browser without a window, driven over WebDriver: plain JSON over HTTP, spoken to Debian's `chromedriver`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::binary::in_ci;

/// What a page may take to show something: longer than a restart of a node on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// One exchange with the driver; the first starts the browser.
const EXCHANGE: Duration = Duration::from_secs(60);
/// The name by which WebDriver wraps an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One page in a browser of its own, with a fresh profile. Dropped, it takes the browser and the driver with it.
pub(crate) struct Browser {
    driver: Child,
    address: String,
    session: String,
    client: reqwest::Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// None where no browser is installed; CI must have one.
    pub(crate) async fn start() -> Option<Self> {
        let (Some(chromium), Some(chromedriver)) = (installed("chromium"), installed("chromedriver")) else {
            let how = "apt-get install chromium chromium-driver";
            assert!(!in_ci(), "CI must have a browser: {how}");
            println!("skipped: no chromium and chromedriver, {how}");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let (driver, port) = start_driver(&chromedriver, profile.path());
        let client = reqwest::Client::builder().no_proxy().timeout(EXCHANGE).build().unwrap();
        let address = format!("127.0.0.1:{port}");
        let mut browser = Self { driver, address, session: String::new(), client, _profile: profile };
        let wanted = capabilities(&chromium, browser._profile.path());
        let opened = browser.exchange("session", wanted).await;
        browser.session = opened["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    pub(crate) async fn open(&self, url: &str) {
        self.ask("url", json!({ "url": url })).await;
    }

    /// The value of a JavaScript expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        self.ask("execute/sync", json!({ "script": format!("return {expression}"), "args": [] })).await
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, what: &str, expression: &str) {
        let start = Instant::now();
        while self.value(expression).await != Value::Bool(true) {
            if start.elapsed() > PATIENCE {
                let page = self.value("document.body.innerText").await;
                panic!("the page never shows {what}; it shows:\n{}", page.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Types into the element that a selector finds, key by key.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.ask(&format!("element/{element}/clear"), json!({})).await;
        self.ask(&format!("element/{element}/value"), json!({ "text": text })).await;
    }

    /// Clicks where the element is; fails when something covers it.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.ask(&format!("element/{element}/click"), json!({})).await;
    }

    /// What the browser's own console holds against the page: exceptions, broken policy, failed loads.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().unwrap();
        entries.iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.ask("element", json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    async fn ask(&self, verb: &str, body: Value) -> Value {
        self.exchange(&format!("session/{}/{verb}", self.session), body).await
    }

    async fn exchange(&self, path: &str, body: Value) -> Value {
        let url = format!("http://{}/{path}", self.address);
        let request = self.client.post(url).json(&body);
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let ok = answer.status().is_success();
        let mut body: Value = answer.json().await.unwrap();
        assert!(ok, "{path}: {}", body["value"]["message"]);
        body["value"].take()
    }

    /// Ends the session, and with it the browser; answered once both are gone.
    fn quit(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let (session, address) = (&self.session, &self.address);
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        stream.read(&mut [0; 512])?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without async: a test that failed has no runtime to wait in.
        let _ = self.quit();
        // What has not gone by itself: the driver leads the process group that the browser was started in.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.driver.wait();
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The driver on a port of its choice, which its first lines tell.
fn start_driver(chromedriver: &Path, profile: &Path) -> (Child, u16) {
    let log = profile.join("driver.log");
    let mut driver = Command::new(chromedriver)
        .args(["--port=0", "--log-level=WARNING"])
        // Whatever the browser writes goes beside its profile, which is removed with it.
        .env("HOME", profile)
        .env("TMPDIR", profile)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
    });
    let port = port.unwrap_or_else(|| {
        let _ = driver.kill();
        panic!("no port of chromedriver: {}", std::fs::read_to_string(&log).unwrap_or_default())
    });
    (driver, port)
}

fn capabilities(chromium: &Path, profile: &Path) -> Value {
    let folder = format!("--user-data-dir={}", profile.join("profile").display());
    let args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1000",
        &folder,
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": chromium, "args": args },
        "goog:loggingPrefs": { "browser": "WARNING" },
    } } })
}
