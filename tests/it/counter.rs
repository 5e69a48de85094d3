//! A desk opened for a test: a real server on a free port, a database in a temporary folder, the sample desk's entries,
//! and an answerer that always decides the same way, so that tests of the counter do not depend on the engine's tuning.
//! And a plain HTTP/1.1 client that can also send what no proper client would.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use madoguchi::answer::trace::Band;
use madoguchi::answer::{Ask, Candidate, Context, Decision, HandOff, Outcome, Trace};
use madoguchi::app::{Answerer, App, Limits, ModelsInUse, NewStaff, Publisher, Role, Staff, SystemClock};
use madoguchi::config::HttpLimits;
use madoguchi::http::{self, Settings};
use madoguchi::kb::files::{self, Contents};
use madoguchi::kb::{HandOffReason, Language, Priority, Snapshot};
use madoguchi::store::SqliteStore;
use madoguchi::text::{Analyzer, Vocabulary};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::desk::{TODAY, sample_desk};

/// The longest a test waits for something that should come at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The sample desk.
pub fn snapshot() -> Arc<Snapshot> {
    static SNAPSHOT: OnceLock<Arc<Snapshot>> = OnceLock::new();
    let load = || Arc::new(Snapshot::of(sample_desk(), TODAY));
    Arc::clone(SNAPSHOT.get_or_init(load))
}

/// Decides by the letter: rules first; an entry's own question is answered; 「出金」 alone is asked back; 「こんにちは」 is
/// small talk; 「壊れた」 panics; everything else goes to a person.
pub struct Scripted(pub Arc<Snapshot>);

impl Scripted {
    fn decide(&self, text: &str, language: Language) -> Decision {
        let snapshot = &self.0;
        let hand_off = |reason: HandOffReason, priority, queue: &str, wording: &str| {
            let wording = snapshot.wording.text(wording, language, &[]).unwrap_or_default();
            Decision::HandOff(HandOff { reason, priority, queue: queue.to_owned(), wording })
        };
        assert!(!text.contains("壊れた"), "the answerer breaks, as asked");
        if let Some(rule) = snapshot.rules.first_match(text) {
            return hand_off(rule.reason, rule.priority, &rule.queue, &rule.wording);
        }
        if let Some(entry) = snapshot.entries.iter().find(|entry| entry.question == text) {
            return Decision::Answer { entry_id: entry.id.clone(), confidence: 0.93 };
        }
        if text == "こんにちは" {
            return Decision::SmallTalk { id: "greeting".into(), reply: "こんにちは。".into() };
        }
        if text.contains("出金") {
            return Decision::Clarify { candidates: self.search("出金", 3) };
        }
        hand_off(HandOffReason::LowConfidence, Priority::Normal, "general", "handoff.low_confidence")
    }
}

impl Answerer for Scripted {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        let language = ask.context.language.unwrap_or_default();
        let decision = self.decide(ask.text, language);
        let trace = Trace {
            normalized: ask.text.to_owned(),
            confidence: if matches!(decision, Decision::Answer { .. }) { 0.93 } else { 0.42 },
            band: Band { name: decision.name().to_owned(), answer_from: 0.8, clarify_from: 0.5 },
            ..Trace::default()
        };
        Outcome { decision, trace, context: Context { language: Some(language), ..Context::default() } }
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        &self.0
    }

    fn search(&self, query: &str, limit: usize) -> Vec<Candidate> {
        let found = self.0.entries.iter().filter(|entry| entry.question.contains(query));
        let candidate = |entry: &Arc<madoguchi::kb::Entry>| Candidate {
            entry_id: entry.id.clone(),
            question: entry.question.clone(),
            confidence: 0.3,
        };
        found.map(candidate).take(limit).collect()
    }
}

/// Who publishes waits until customers get it, however busy the machine is.
pub fn patient() -> Limits {
    Limits { serving_wait_ms: 600_000, ..Limits::default() }
}

/// What a test may set before it opens the desk.
pub struct Opening {
    pub settings: Settings,
    pub limits: Limits,
    pub answerer: Arc<dyn Answerer>,
    pub press: Arc<dyn Publisher>,
    /// Whether the sample desk is in the store, to be curated and published from there.
    pub curated: bool,
}

impl Default for Opening {
    fn default() -> Self {
        let limits = HttpLimits {
            body_bytes: 65_536,
            header_timeout_ms: 10_000,
            request_timeout_ms: 15_000,
            shutdown_ms: 5_000,
            messages_per_minute: 0,
        };
        let settings = Settings { limits, trusted_origins: Vec::new(), secure_cookies: false };
        let answerer = Arc::new(Scripted(snapshot()));
        let press = Arc::new(Press::default());
        Self { settings, limits: patient(), answerer, press, curated: false }
    }
}

/// Builds scripted answerers, or fails when told to.
#[derive(Default)]
pub struct Press {
    pub fails: AtomicBool,
    /// Builds wait while it is locked.
    pub door: tokio::sync::Mutex<()>,
    pub models: ModelsInUse,
}

impl Publisher for Press {
    fn build(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
        drop(self.door.blocking_lock());
        anyhow::ensure!(!self.fails.load(Ordering::SeqCst), "the press is broken");
        Ok(Arc::new(Scripted(Arc::new(snapshot))))
    }

    fn build_trial(&self, snapshot: Snapshot) -> anyhow::Result<Arc<dyn Answerer>> {
        self.build(snapshot)
    }

    fn models(&self) -> ModelsInUse {
        self.models.clone()
    }

    fn progress(&self) -> Option<(usize, usize)> {
        Some((3, 10))
    }

    fn analyzer(&self, vocabulary: &Vocabulary) -> anyhow::Result<Arc<Analyzer>> {
        Ok(Arc::new(Analyzer::open(&crate::dictionary(), vocabulary)?))
    }
}

/// The sample desk's folder, valid today whenever the test runs.
fn contents() -> Contents {
    static CONTENTS: OnceLock<Contents> = OnceLock::new();
    let load = || {
        let mut contents = files::contents(&crate::desk::kb(), TODAY).unwrap();
        for filed in &mut contents.entries {
            filed.entry.valid_until = None;
        }
        contents
    };
    CONTENTS.get_or_init(load).clone()
}

/// An open desk.
pub struct Counter {
    pub at: SocketAddr,
    pub app: Arc<App>,
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
    pub server: JoinHandle<std::io::Result<()>>,
    _folder: tempfile::TempDir,
}

impl Counter {
    pub async fn open() -> Self {
        Self::open_with(Opening::default()).await
    }

    /// With the sample desk in the store, so that it can be curated.
    pub async fn open_curated() -> Self {
        Self::open_with(Opening { curated: true, ..Opening::default() }).await
    }

    pub async fn open_with(opening: Opening) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("desk.db")).await.unwrap();
        let app = App::new(Arc::new(store), opening.answerer, Arc::new(SystemClock), opening.limits);
        let app = Arc::new(app.with_publisher(opening.press));
        if opening.curated {
            app.import_desk(&contents(), false).await.unwrap();
            app.serve_newest().await.unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = http::serve(listener, Arc::clone(&app), opening.settings, async move {
            let _ = stopped.await;
        });
        let server = tokio::spawn(serving);
        Self { at, app, client: Client { at }, stop: Some(stop), server, _folder: folder }
    }

    /// Tells the server to stop.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// An account with these roles.
    pub async fn staff(&self, login: &str, roles: &[Role]) -> Staff {
        let new = NewStaff {
            login: login.to_owned(),
            name: format!("担当 {login}"),
            password: PASSWORD.to_owned(),
            roles: roles.to_vec(),
        };
        self.app.add_staff(new).await.unwrap()
    }

    /// Signs in through the form; the session's cookie and CSRF token.
    pub async fn sign_in(&self, login: &str) -> SignedIn {
        let form = format!("login={login}&password={PASSWORD}");
        let answer = self.client.form("/staff/sign-in", &form, "").await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let me = self.client.send("GET", "/api/v1/staff/me", &[("cookie", &cookie)], b"").await;
        SignedIn { csrf: me.json()["csrf"].as_str().unwrap().to_owned(), cookie }
    }
}

/// The password of every test account.
pub const PASSWORD: &str = "correct-horse-battery";

/// A staff session.
pub struct SignedIn {
    pub cookie: String,
    pub csrf: String,
}

impl SignedIn {
    pub async fn get(&self, client: &Client, path: &str) -> Answer {
        client.send("GET", path, &[("cookie", &self.cookie)], b"").await
    }

    pub async fn post(&self, client: &Client, path: &str, body: Value) -> Answer {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("x-csrf-token", &self.csrf),
            ("content-type", "application/json"),
        ];
        client.send("POST", path, &headers, body.to_string().as_bytes()).await
    }
}

/// A conversation of a test's customer.
pub struct Visitor {
    pub id: String,
    pub token: String,
    pub client: Client,
}

impl Visitor {
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/conversations/{}{rest}", self.id)
    }

    pub async fn post(&self, rest: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.client.send("POST", &self.path(rest), &headers, body.to_string().as_bytes()).await
    }

    /// Says something that the desk accepts.
    pub async fn say(&self, text: &str) -> Value {
        let answer = self.post("/messages", serde_json::json!({ "text": text })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub async fn turns(&self) -> Vec<Value> {
        let bearer = format!("Bearer {}", self.token);
        let answer = self.client.send("GET", &self.path(""), &[("authorization", &bearer)], b"").await;
        answer.json()["turns"].as_array().unwrap().clone()
    }

    /// Follows the conversation after turn `after`.
    pub async fn follow(&self, after: Option<u64>) -> Events {
        let bearer = format!("Bearer {}", self.token);
        let after = after.map(|after| after.to_string());
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(after) = &after {
            headers.push(("last-event-id", after));
        }
        self.client.follow(&self.path("/events"), &headers).await
    }
}

/// A client that speaks plain HTTP/1.1, one request a connection.
#[derive(Clone, Copy)]
pub struct Client {
    pub at: SocketAddr,
}

impl Client {
    /// Starts a conversation.
    pub async fn visit(&self) -> Visitor {
        let answer = self.send("POST", "/api/v1/conversations", &[], b"").await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let text = |key: &str| answer.json()[key].as_str().unwrap().to_owned();
        Visitor { id: text("id"), token: text("token"), client: *self }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub async fn form(&self, path: &str, form: &str, cookie: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie)];
        self.send("POST", path, &headers, form.as_bytes()).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = head(method, path, headers);
        if !body.is_empty() || method == "POST" {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let request = [request.as_bytes(), b"connection: close\r\n\r\n", body].concat();
        self.raw(&request).await
    }

    /// Sends these bytes and reads until the server closes.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.at).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            Answer::parse(&bytes)
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("the server answers")
    }

    /// Opens a stream of events.
    pub async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(format!("{}\r\n", head("GET", path, headers)).as_bytes()).await.unwrap();
        let mut events = Events { stream, bytes: Vec::new(), rest: String::new() };
        while !events.rest.contains("\r\n\r\n") {
            assert!(events.read().await, "the stream ended before its head: {}", events.rest);
        }
        let (head, rest) =
            events.rest.split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}{rest}");
        events.rest = rest;
        events
    }
}

fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: desk.example\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = &bytes[end + 4..];
        Self { status, headers, body: if chunked { unchunk(body) } else { body.to_vec() } }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of a problem document, whose form is checked on the way.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        for part in ["type", "title", "detail", "next", "code"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{part} in {problem}");
        }
        problem["code"].as_str().unwrap().to_owned()
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[(end + 4 + size).min(bytes.len())..];
    }
    body
}

/// A live stream.
pub struct Events {
    stream: TcpStream,
    bytes: Vec<u8>,
    rest: String,
}

/// One event.
#[derive(Debug, Clone)]
pub struct LiveEvent {
    pub name: String,
    pub id: Option<u64>,
    pub data: Value,
}

impl Events {
    /// Reads what has come; false when the stream has ended.
    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let count =
            tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("something comes");
        let count = count.unwrap_or(0);
        self.bytes.extend_from_slice(&buffer[..count]);
        // A chunk may end within a character.
        let valid = std::str::from_utf8(&self.bytes).map_or_else(|error| error.valid_up_to(), str::len);
        self.rest.push_str(&String::from_utf8(self.bytes.drain(..valid).collect()).unwrap());
        count > 0
    }

    /// The next event; `None` when the stream has ended. Chunk sizes between events are skipped: no line of ours looks
    /// like one.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        loop {
            while let Some((block, rest)) =
                self.rest.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned()))
            {
                self.rest = rest;
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let Some(data) = field("data:") {
                    return Some(LiveEvent {
                        name: field("event:").unwrap_or("message").to_owned(),
                        id: field("id:").map(|id| id.parse().unwrap()),
                        data: serde_json::from_str(data).unwrap(),
                    });
                }
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// The next event with this name.
    pub async fn next_named(&mut self, name: &str) -> LiveEvent {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if event.name == name {
                return event;
            }
        }
    }
}
