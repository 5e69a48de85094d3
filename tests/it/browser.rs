//! The pages in a real browser: Debian's chromium, driven by its chromedriver. Tests wait for what they expect to see,
//! never for time to pass.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::{Client, ClientBuilder, Locator, key::Key};
use hyper_util::client::legacy::connect::HttpConnector;
use madoguchi::app::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, MutexGuard};

use crate::counter::{Counter, Opening, PASSWORD, PATIENCE};

/// One browser test at a time: two browsers on two cores make each other late.
static TURN: Mutex<()> = Mutex::const_new(());

/// A chromedriver of this test's own.
pub struct Driver {
    process: Child,
    port: u16,
    _turn: MutexGuard<'static, ()>,
}

/// A running chromedriver with its port and the rest of what it says; `None` when it ended before it had a port.
fn start_driver() -> Option<(Child, u16, std::io::Lines<BufReader<std::process::ChildStdout>>)> {
    let mut process = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("chromedriver cannot be started ({error}); run scripts/setup.sh --test, or: apt-get install chromium chromium-driver")
        });
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        line.split("successfully on port ").nth(1).and_then(|rest| rest.trim_end_matches('.').parse().ok())
    });
    match port {
        Some(port) => Some((process, port, lines)),
        None => {
            process.wait().unwrap();
            None
        }
    }
}

impl Driver {
    pub async fn start() -> Self {
        let turn = TURN.lock().await;
        // It binds one free port twice (IPv4 and IPv6) and ends when another process was faster with the second.
        let (process, port, lines) =
            (0..5).find_map(|_| start_driver()).expect("chromedriver says its port in one of five starts");
        // Somebody must go on reading, or chromedriver stops at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port, _turn: turn }
    }

    /// A wide browser window in which a new member of staff with `role` has signed in.
    pub async fn signed_in(&self, desk: &Counter, login: &str, role: Role) -> Browser {
        desk.staff(login, &[role]).await;
        let browser = self.browser(1300, 900).await;
        browser.sign_in(desk, login).await;
        browser
    }

    /// A browser window of `width` by `height` pixels with a profile of its own.
    pub async fn browser(&self, width: u32, height: u32) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--lang=ja",
            "--force-prefers-reduced-motion",
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ]);
        let mut options = json!({"args": arguments});
        if width < 500 {
            // Windows have a least width; an emulated device has not.
            let metrics = json!({"width": width, "height": height, "pixelRatio": 1.0});
            options["mobileEmulation"] = json!({"deviceMetrics": metrics});
        }
        let Value::Object(capabilities) = json!({
            "browserName": "chrome",
            "timeouts": {"script": 30_000, "pageLoad": 60_000},
            "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": options,
        }) else {
            unreachable!("an object")
        };
        let at = format!("http://127.0.0.1:{}", self.port);
        let client =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&at).await.unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        Browser { client, session, port: self.port, _profile: profile }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub struct Browser {
    pub client: Client,
    session: String,
    port: u16,
    _profile: tempfile::TempDir,
}

/// Ends the browser even when its test failed.
impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver refuses hosts that are not its own.
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n\r\n",
            self.session, self.port
        );
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.write_all(request.as_bytes());
            // The answer comes when the browser has ended; chromedriver keeps the connection open after it.
            let mut answer = [0; 1024];
            let length = stream.read(&mut answer).unwrap_or(0);
            let answer = String::from_utf8_lossy(&answer[..length]);
            assert!(std::thread::panicking() || answer.starts_with("HTTP/1.1 200"), "it goes on: {answer}");
        }
    }
}

impl Browser {
    /// Opens a page and waits for its script.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
        self.until("document.documentElement.dataset.ready === 'true'").await;
    }

    /// Waits until a JavaScript expression is true.
    pub async fn until(&self, condition: &str) {
        let script = format!(
            "const done = arguments[0]; \
             const check = () => {{ let seen = false; try {{ seen = {condition}; }} catch {{}} \
             if (seen) done(true); else setTimeout(check, 20); }}; check();"
        );
        if let Err(error) = self.client.execute_async(&script, Vec::new()).await {
            let page = self.js("document.body.innerText").await;
            panic!("never came true: {condition}\n{error}\n{}", page.as_str().unwrap_or_default());
        }
    }

    /// The value of a JavaScript expression.
    pub async fn js(&self, expression: &str) -> Value {
        self.client.execute(&format!("return {expression};"), Vec::new()).await.unwrap()
    }

    pub async fn text(&self, selector: &str) -> String {
        self.client.find(Locator::Css(selector)).await.unwrap().text().await.unwrap()
    }

    pub async fn click(&self, selector: &str) {
        let element = self.client.wait().for_element(Locator::Css(selector)).await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    pub async fn fill(&self, selector: &str, text: &str) {
        self.client.wait().for_element(Locator::Css(selector)).await.unwrap().send_keys(text).await.unwrap();
    }

    /// Presses keys wherever the focus is; Control is held to the end. As key actions rather than as text sent to an
    /// element: that would focus the element anew, and in a date Tab would never get past its second part.
    pub async fn keys(&self, keys: &str) {
        let mut presses = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            presses = presses.then(KeyAction::Down { value });
            if value != char::from(Key::Control) {
                presses = presses.then(KeyAction::Up { value });
            }
        }
        self.client.perform_actions(presses).await.unwrap();
        self.client.release_actions().await.unwrap();
    }

    /// Signs in as staff.
    pub async fn sign_in(&self, desk: &Counter, login: &str) {
        self.client.goto(&format!("http://{}/staff/sign-in?lang=ja", desk.at)).await.unwrap();
        self.fill("#login", login).await;
        self.fill("#password", &format!("{PASSWORD}{}", enter())).await;
        self.until("document.documentElement.dataset.ready === 'true'").await;
    }
}

pub fn enter() -> String {
    char::from(Key::Enter).to_string()
}

pub fn tab() -> String {
    char::from(Key::Tab).to_string()
}

pub fn page(desk: &Counter) -> String {
    format!("http://{}/?lang=ja", desk.at)
}

pub const FEE: &str = "日本円の出金にかかる手数料はいくらですか?";

#[tokio::test]
async fn a_customer_asks_and_gets_an_answer() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    let browser = driver.browser(900, 900).await;
    browser.open(&page(&desk)).await;
    // Enter that accepts a conversion does not send.
    browser.fill("#say", FEE).await;
    browser
        .js("document.getElementById('say').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))")
        .await;
    assert_eq!(browser.js("document.querySelectorAll('.turn-customer').length").await, 0);
    assert_eq!(browser.js("document.getElementById('say').value").await, FEE);

    browser.keys(&enter()).await;
    browser.until("document.querySelector('.answer')").await;
    assert_eq!(browser.js("document.getElementById('say').value").await, "");
    assert!(browser.text(".answer-body").await.contains("440円"));
    let source = browser.text(".source").await;
    assert!(source.contains("よくある質問") && source.contains("2026年8月21日"), "{source}");
    let live = browser
        .js("(e => [e.getAttribute('role'), e.getAttribute('aria-live')])(document.getElementById('log'))")
        .await;
    assert_eq!(live, json!(["log", "polite"]));

    browser.click(".resolved .yes").await;
    browser.until("document.querySelector('.resolved').textContent.includes('解決した')").await;
    browser.until("document.querySelector('[data-kind=thanked]')").await;
    // The conversation is still there after a reload, opinion included.
    browser.open(&page(&desk)).await;
    browser.until("document.querySelectorAll('.turn-customer').length === 1").await;
    browser.until("document.querySelector('.resolved').textContent.includes('解決した')").await;
}

#[tokio::test]
async fn a_customer_chooses_among_candidates_or_none() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    let browser = driver.browser(900, 900).await;
    browser.open(&page(&desk)).await;
    browser.fill("#say", &format!("出金{}", enter())).await;
    browser.until("document.querySelectorAll('.choices [data-entry]').length === 3").await;
    let chosen = browser.text(".choices [data-entry]").await;
    browser.click(".choices [data-entry]").await;
    browser.until("document.querySelector('.answer')").await;
    assert_eq!(browser.text(".answer-question").await, chosen);
    assert_eq!(
        browser
            .js("[...document.querySelectorAll('[data-once] button')].every((button) => button.disabled)")
            .await,
        true
    );

    // A follow-up is one press away.
    let follow_up = browser.text(".after .choice").await;
    browser.click(".after .choice").await;
    browser.until("document.querySelectorAll('.answer').length === 2").await;
    assert_eq!(
        browser.js("[...document.querySelectorAll('.answer-question')].at(-1).textContent").await,
        follow_up.as_str()
    );

    browser.fill("#say", &format!("出金{}", enter())).await;
    browser.until("document.querySelector('[data-once]:not(.retired) .none')").await;
    browser.click("[data-once]:not(.retired) .none").await;
    browser.until("!document.getElementById('ticket').hidden").await;
    assert!(browser.text("#ticket").await.contains("1番目"));
    browser.click("#ticket .quiet").await;
    browser.until("document.getElementById('ticket').hidden").await;
}

#[tokio::test]
async fn customer_and_agent_meet_and_part_live() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    desk.staff("sato", &[Role::Agent]).await;
    let (customer, agent) = (driver.browser(600, 800).await, driver.browser(1300, 800).await);
    agent.sign_in(&desk, "sato").await;
    agent.until("document.querySelector('#queue-list .empty')").await;

    customer.open(&page(&desk)).await;
    customer.fill("#say", &format!("昨日不正アクセスの被害に遭いました{}", enter())).await;
    customer.until("!document.getElementById('ticket').hidden").await;
    agent.until("document.querySelector('.group-waiting .row-urgent')").await;
    assert!(agent.text(".group-waiting .row").await.contains("至急"), "urgency is also said in words");

    // Keyboard: to the first ticket, take it over, reply.
    agent.client.find(Locator::Css("body")).await.unwrap().send_keys("j").await.unwrap();
    agent.until("document.querySelector('#packet-body .candidates, #packet-body .packet-part')").await;
    assert!(agent.text("#packet-body").await.contains("不正アクセス・被害"));
    agent.keys("t").await;
    agent.until("document.activeElement.id === 'reply' && !document.getElementById('reply').disabled").await;
    customer.until("document.querySelector('[data-kind=joined]')").await;
    customer.until("document.getElementById('ticket').textContent.includes('担当 sato')").await;
    agent.fill("#reply", "ご連絡ありがとうございます。").await;
    agent.keys(&format!("{}{}", char::from(Key::Control), enter())).await;
    customer.until("document.querySelector('.turn-agent')").await;
    assert!(customer.text(".turn-agent").await.contains("ご連絡ありがとうございます。"));

    // The bot is silent; the agent reads along.
    customer.fill("#say", &format!("{FEE}{}", enter())).await;
    agent
        .until(&format!(
            "[...document.querySelectorAll('#log .turn-customer')].at(-1).textContent.includes('{FEE}')"
        ))
        .await;
    customer.until("[...document.querySelectorAll('.turn-customer')].at(-1).matches(':not(.pending)')").await;
    assert_eq!(customer.js("document.querySelectorAll('.answer').length").await, 0);

    agent.click("[data-act='return']").await;
    agent.client.accept_alert().await.unwrap();
    customer
        .until(
            "document.querySelector('[data-kind=back_to_bot]') && document.getElementById('ticket').hidden",
        )
        .await;
    agent.until("document.querySelector('#queue-list .empty')").await;
    customer.fill("#say", &format!("{FEE}{}", enter())).await;
    customer.until("document.querySelector('.answer')").await;
}

#[tokio::test]
async fn unread_words_are_marked_until_they_are_seen() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    desk.staff("sato", &[Role::Agent]).await;
    let agent = desk.sign_in("sato").await;
    let mut visitors = Vec::new();
    for _ in 0..2 {
        let visitor = desk.client.visit().await;
        let handed = visitor.post("/handoff", json!({})).await.json();
        let ticket = handed["ticket"]["id"].as_str().unwrap().to_owned();
        let taken =
            agent.post(&desk.client, &format!("/api/v1/staff/tickets/{ticket}/take-over"), json!({})).await;
        assert_eq!(taken.status, 200);
        visitors.push((visitor, ticket));
    }
    let browser = driver.browser(1300, 800).await;
    browser.sign_in(&desk, "sato").await;
    let [first, second] = [&visitors[0].1, &visitors[1].1].map(|ticket| format!("[data-ticket='{ticket}']"));
    browser.click(&first).await;
    browser.until("document.querySelectorAll('#log .turn').length > 1").await;
    browser.click(&second).await;
    browser.until(&format!("document.querySelector(\"{second}\").ariaCurrent === 'true' && document.querySelectorAll('#log .turn').length > 1")).await;
    browser.until(&format!("!document.querySelector(\"{second} .unread\")")).await;
    visitors[0].0.say("もしもし").await;
    visitors[0].0.say("まだですか").await;
    browser.until(&format!("document.querySelector(\"{first} .unread\")?.textContent.includes('2')")).await;
    assert!(browser.client.title().await.unwrap().starts_with("(2)"));
    browser.click(&first).await;
    browser.until(&format!("!document.querySelector(\"{first} .unread\")")).await;
}

/// Serves `html` to everyone who connects.
async fn serve_page(listener: TcpListener, html: String) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            html.len()
        );
        let _ = stream.write_all(format!("{head}{html}").as_bytes()).await;
    }
}

#[tokio::test]
async fn one_line_puts_the_desk_on_another_site() {
    let driver = Driver::start().await;
    // `localhost` is another site than 127.0.0.1: cookies do not reach the frame.
    let shop = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop_url = format!("http://localhost:{}", shop.local_addr().unwrap().port());
    let mut opening = Opening::default();
    opening.settings.trusted_origins = vec![shop_url.clone()];
    let desk = Counter::open_with(opening).await;
    let html = format!(
        "<!doctype html><html lang=\"ja\"><title>shop</title><body><h1>shop</h1>\
         <script src=\"http://{}/widget.js\" async></script></body></html>",
        desk.at
    );
    tokio::spawn(serve_page(shop, html));

    let browser = driver.browser(1000, 800).await;
    browser.client.goto(&shop_url).await.unwrap();
    let host = browser.client.wait().for_element(Locator::Css("madoguchi-chat")).await.unwrap();
    let root = host.shadow_root().await.unwrap();
    root.find(Locator::Css(".launch")).await.unwrap().click().await.unwrap();
    let frame = root.find(Locator::Css("iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    browser
        .until("document.documentElement.dataset.ready === 'true' && document.activeElement.id === 'say'")
        .await;
    browser.fill("#say", &format!("{FEE}{}", enter())).await;
    browser.until("document.querySelector('.answer')").await;
    browser.keys(&char::from(Key::Escape).to_string()).await;
    browser.client.enter_parent_frame().await.unwrap();
    browser.until("document.querySelector('madoguchi-chat').shadowRoot.querySelector('.panel').hidden").await;
    let focused =
        browser.js("document.querySelector('madoguchi-chat').shadowRoot.activeElement.className").await;
    assert_eq!(focused, "launch", "the focus is back at the button");
    // The conversation goes on after a reload of the other site's page.
    browser.client.refresh().await.unwrap();
    let host = browser.client.wait().for_element(Locator::Css("madoguchi-chat")).await.unwrap();
    let root = host.shadow_root().await.unwrap();
    root.find(Locator::Css(".launch")).await.unwrap().click().await.unwrap();
    root.find(Locator::Css("iframe")).await.unwrap().enter_frame().await.unwrap();
    browser.until("document.querySelector('.answer')").await;
}

#[tokio::test]
async fn everything_can_be_done_by_keyboard() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    let browser = driver.browser(900, 900).await;
    browser.open(&page(&desk)).await;
    // The first stop is the way past everything else, to the message box.
    browser.client.find(Locator::Css("body")).await.unwrap().send_keys(&tab()).await.unwrap();
    browser.until("document.activeElement.className === 'skip'").await;
    browser.keys(&enter()).await;
    browser.until("document.activeElement.id === 'say'").await;
    browser.keys(&format!("出金{}", enter())).await;
    browser.until("document.querySelector('.choices [data-entry]')").await;
    let back = format!("{}{}", char::from(Key::Shift), tab());
    // Backwards from the message box: 「どれでもない」, then the last candidate.
    let mut stops = Vec::new();
    while browser.js("document.activeElement.dataset.entry ?? null").await.is_null() {
        browser.keys(&back).await;
        stops.push(browser.js("document.activeElement.className").await);
        assert!(stops.len() < 10, "{stops:?}");
    }
    let outline = browser.js("getComputedStyle(document.activeElement).outlineStyle").await;
    assert_eq!(outline, "solid", "the focus can be seen");
    browser.keys(&enter()).await;
    browser.until("document.querySelector('.answer')").await;
    browser.until("document.activeElement.id === 'say'").await;
    // Forwards: send, then the person.
    while browser.js("document.activeElement.id").await != "person" {
        browser.keys(&tab()).await;
    }
    browser.keys(&enter()).await;
    browser.until("!document.getElementById('ticket').hidden").await;
}

#[tokio::test]
async fn a_lost_answer_neither_loses_nor_doubles_the_message() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    let browser = driver.browser(900, 900).await;
    browser.open(&page(&desk)).await;
    // The first message reaches the server, but its answer is lost on the way back.
    browser
        .js("(() => { const real = window.fetch; let lost = 0; window.fetch = async (...args) => { const answer = await real(...args); \
             if (String(args[0]).endsWith('/messages') && lost++ === 0) throw new TypeError('lost'); return answer; }; })()")
        .await;
    browser.fill("#say", &format!("{FEE}{}", enter())).await;
    browser.until("document.querySelector('.answer') && !document.querySelector('.pending')").await;
    browser.until("document.getElementById('alert').textContent === ''").await;
    assert_eq!(browser.js("document.querySelectorAll('.turn-customer').length").await, 1);

    // What the server refuses goes back into the box.
    let long = "長".repeat(30);
    browser.fill("#say", &long).await;
    browser
        .js("(() => { const real = window.fetch; window.fetch = (path, init) => real(path, {...init, body: JSON.stringify({text: 'x\\u0000'})}); })()")
        .await;
    browser.keys(&enter()).await;
    browser.until("document.getElementById('alert').textContent.includes('制御文字')").await;
    assert_eq!(browser.js("document.getElementById('say').value").await, long);
    assert_eq!(browser.js("document.querySelectorAll('.turn-customer').length").await, 1);
}

#[tokio::test]
async fn pages_fit_a_narrow_screen() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    desk.staff("sato", &[Role::Agent]).await;
    let browser = driver.browser(320, 640).await;
    for path in ["/?lang=ja", "/?lang=en", "/embed-demo", "/staff/sign-in", "/nothing"] {
        browser.client.goto(&format!("http://{}{path}", desk.at)).await.unwrap();
        let widths = browser.js("[document.documentElement.scrollWidth, window.innerWidth]").await;
        assert_eq!(widths, json!([320, 320]), "{path}");
    }
    browser.sign_in(&desk, "sato").await;
    assert_eq!(browser.js("document.documentElement.scrollWidth").await, 320, "/staff");
    // Every control has a name.
    browser.open(&page(&desk)).await;
    let nameless = "[...document.querySelectorAll('button, a, textarea, input')].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length";
    assert_eq!(browser.js(nameless).await, 0);
}
