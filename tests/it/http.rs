//! The counter over HTTP: what a client gets, and what it gets when it does everything wrong.

use std::path::Path;
use std::sync::Arc;

use madoguchi::app::Role;
use madoguchi::http::{Caller, route_table};
use madoguchi::publish::Workshop;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::counter::{Counter, Opening, PATIENCE, Visitor};
use crate::desk::{TODAY, kb, sample_desk};

const FEE: &str = "日本円の出金にかかる手数料はいくらですか?";

#[tokio::test]
async fn a_question_is_answered_with_its_source() {
    let desk = Counter::open().await;
    let started = desk.client.send("POST", "/api/v1/conversations", &[], b"").await;
    assert_eq!(started.status, 201);
    let id = started.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(started.header("location"), Some(format!("/api/v1/conversations/{id}").as_str()));
    let cookie = started.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", &format!("Path=/api/v1/conversations/{id};")] {
        assert!(cookie.contains(part), "{cookie}");
    }

    // The cookie alone opens the conversation.
    let cookie = cookie.split(';').next().unwrap();
    let headers = [("cookie", cookie), ("content-type", "application/json")];
    let path = format!("/api/v1/conversations/{id}/messages");
    let answer = desk.client.send("POST", &path, &headers, json!({"text": FEE}).to_string().as_bytes()).await;
    let reply = answer.json();
    assert_eq!(
        (answer.status, &reply["decision"], &reply["turn"]),
        (200, &json!("answer"), &json!(2)),
        "{reply}"
    );
    assert_eq!(reply["answer"]["entry_id"], "jpy-withdrawal-fee");
    assert_eq!(reply["answer"]["reviewed_at"], "2026-08-21");
    assert!(reply["answer"]["html"].as_str().unwrap().contains("<strong>1回につき一律440円(税込)</strong>"));
    assert!(reply["confidence"].as_f64().unwrap() > 0.9 && reply["trace_id"].is_string());
    assert_eq!(
        (&reply["candidates"], &reply["ticket"], &reply["message"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    assert!(!reply["answer"]["follow_ups"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_choice_an_opinion_and_a_hand_over() {
    let desk = Counter::open().await;
    let visitor = desk.client.visit().await;
    let asked = visitor.say("出金").await;
    assert_eq!(asked["decision"], "clarify");
    let entry = asked["candidates"][1]["entry_id"].clone();
    let chosen = visitor.post("/choose", json!({"entry_id": entry})).await.json();
    assert_eq!((&chosen["decision"], &chosen["answer"]["entry_id"]), (&json!("answer"), &entry));
    let rated = visitor.post("/feedback", json!({"turn": chosen["turn"], "resolved": false})).await;
    assert_eq!(rated.status, 200, "{}", rated.text());
    let handed = visitor.post("/handoff", json!({})).await.json();
    assert_eq!((&handed["decision"], &handed["mode"]), (&json!("handoff"), &json!("waiting")), "{handed}");
    assert_eq!((&handed["ticket"]["reason"], &handed["ticket"]["position"]), (&json!("person"), &json!(1)));
    assert!(handed["message"].as_str().is_some_and(|message| !message.is_empty()));
    let again = visitor.post("/handoff", json!({})).await;
    assert_eq!(again.status, 200, "asking twice is no error: {}", again.text());
}

#[tokio::test]
async fn a_stream_resumes_without_gap_or_repetition() {
    let desk = Counter::open().await;
    let visitor = desk.client.visit().await;
    visitor.say(FEE).await;
    let mut events = visitor.follow(None).await;
    let first = events.next_named("turn").await;
    assert_eq!((first.id, &first.data["who"]), (Some(1), &json!("customer")));
    assert_eq!(events.next_named("turn").await.data["kind"], "answered");
    drop(events);

    visitor.say("こんにちは").await;
    let mut resumed = visitor.follow(Some(2)).await;
    assert_eq!(resumed.next_named("turn").await.id, Some(3));
    assert_eq!(resumed.next_named("turn").await.id, Some(4));
    visitor.say("こんにちは").await;
    assert_eq!(resumed.next_named("turn").await.id, Some(5), "live turns follow");

    visitor.post("/handoff", json!({})).await;
    let status = loop {
        let status = resumed.next_named("status").await.data;
        if status["mode"] == "waiting" {
            break status;
        }
    };
    assert_eq!((&status["ticket"]["position"], &status["ticket"]["reason"]), (&json!(1), &json!("person")));
}

#[tokio::test]
async fn a_message_sent_twice_is_taken_once() {
    let desk = Counter::open().await;
    let visitor = desk.client.visit().await;
    let message = json!({"text": FEE, "client_id": "message-1"});
    let (first, second) =
        tokio::join!(visitor.post("/messages", message.clone()), visitor.post("/messages", message));
    assert_eq!(first.json(), second.json());
    assert_eq!(visitor.turns().await.len(), 2);
    // Somebody who guesses the name but lacks the token gets nothing.
    let thief = Visitor { id: visitor.id.clone(), token: "0".repeat(64), client: desk.client };
    let stolen = thief.post("/messages", json!({"text": FEE, "client_id": "message-1"})).await;
    assert_eq!((stolen.status, stolen.problem().as_str()), (403, "wrong_token"));
}

#[tokio::test]
async fn a_broken_answerer_hands_over_instead_of_failing() {
    let desk = Counter::open().await;
    let reply = desk.client.visit().await.say("壊れた").await;
    assert_eq!((&reply["decision"], &reply["ticket"]["reason"]), (&json!("handoff"), &json!("unavailable")));
}

#[tokio::test]
async fn both_sides_meet_in_a_hand_over() {
    let desk = Counter::open().await;
    desk.staff("sato", &[Role::Agent]).await;
    let agent = desk.sign_in("sato").await;
    let cookie = [("cookie", agent.cookie.as_str())];
    let mut queue = desk.client.follow("/api/v1/staff/events", &cookie).await;
    assert_eq!(queue.next_named("queue").await.data["tickets"], json!([]));

    let visitor = desk.client.visit().await;
    let handed = visitor.say("不正アクセスの被害に遭いました").await;
    assert_eq!((&handed["decision"], &handed["ticket"]["reason"]), (&json!("handoff"), &json!("security")));
    let ticket = queue.next_named("queue").await.data["tickets"][0].clone();
    assert_eq!((&ticket["priority"], &ticket["id"]), (&json!("urgent"), &handed["ticket"]["id"]));

    let path = |rest: &str| format!("/api/v1/staff/tickets/{}{rest}", ticket["id"].as_str().unwrap());
    let mut live = visitor.follow(Some(2)).await;
    let refused = agent.post(&desk.client, &path("/reply"), json!({"text": "お待たせしました"})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "not_owner"));
    let taken = agent.post(&desk.client, &path("/take-over"), json!({})).await;
    assert_eq!((taken.status, &taken.json()["mode"]), (200, &json!("person")), "{}", taken.text());
    assert_eq!(taken.json()["packet"]["reason"], "security");
    let written = agent
        .post(&desk.client, &path("/reply"), json!({"text": "お待たせしました", "client_id": "r1"}))
        .await;
    assert_eq!(written.status, 200, "{}", written.text());
    assert_eq!(live.next_named("turn").await.data["kind"], "joined");
    let said = live.next_named("turn").await.data;
    assert_eq!(
        (&said["who"], &said["agent"], &said["text"]),
        (&json!("agent"), &json!("担当 sato"), &json!("お待たせしました"))
    );

    // The bot is silent now, and the agent hears of the customer's words.
    let passed = visitor.say(FEE).await;
    assert_eq!((&passed["decision"], passed["turns"].as_array().unwrap().len()), (&Value::Null, 1));
    let heard = loop {
        let heard = queue.next_named("said").await.data;
        if heard["seq"] == passed["turn"] {
            break heard;
        }
    };
    assert_eq!((&heard["ticket"], &heard["who"]), (&ticket["id"], &json!("customer")));

    assert_eq!(agent.post(&desk.client, &path("/return"), json!({})).await.status, 200);
    assert_eq!(visitor.say(FEE).await["decision"], "answer", "the bot is back");
    let done = agent.get(&desk.client, "/api/v1/staff/tickets?state=resolved").await.json();
    assert_eq!(done["tickets"][0]["closing"], "returned_to_bot");
    let trace = handed["trace_id"].as_str().unwrap();
    assert_eq!(agent.get(&desk.client, &format!("/api/v1/staff/traces/{trace}")).await.status, 200);
}

#[tokio::test]
async fn every_route_lets_in_only_whom_the_table_names() {
    let desk = Counter::open().await;
    desk.staff("agent", &[Role::Agent]).await;
    desk.staff("evaluator", &[Role::Evaluator]).await;
    desk.staff("admin", &[Role::Admin]).await;
    let (agent, evaluator) = (desk.sign_in("agent").await, desk.sign_in("evaluator").await);
    let admin = desk.sign_in("admin").await;
    let mut guarded = 0;
    for route in route_table() {
        let path = route.path.replace("{id}", "00000000000000000000000000000000");
        let is_api = path.starts_with("/api/");
        let method = route.method.as_str();
        let call = async |headers: &[(&str, &str)]| desk.client.send(method, &path, headers, b"").await;
        match route.caller {
            Caller::Anyone => {}
            Caller::Customer => {
                let body = br#"{"text":"x","turn":1,"resolved":true}"#;
                let answer =
                    desk.client.send(method, &path, &[("content-type", "application/json")], body).await;
                assert_eq!(answer.problem(), "conversation_not_found", "{method} {path}");
            }
            Caller::SignedIn | Caller::Staff(_) => {
                guarded += 1;
                let nobody = call(&[]).await;
                if is_api || method != "GET" {
                    assert_eq!(nobody.status, 401, "{method} {path}");
                } else {
                    assert_eq!(
                        (nobody.status, nobody.header("location")),
                        (303, Some("/staff/sign-in")),
                        "{path}"
                    );
                }
                let ended = call(&[("cookie", "madoguchi_staff=0000")]).await;
                assert!(matches!(ended.status, 401 | 303), "{method} {path} with a made-up session");
                if is_api && method != "GET" {
                    let no_csrf = call(&[("cookie", &admin.cookie)]).await;
                    assert_eq!(
                        (no_csrf.status, no_csrf.problem().as_str()),
                        (403, "csrf"),
                        "{method} {path}"
                    );
                    let wrong = call(&[("cookie", &admin.cookie), ("x-csrf-token", &evaluator.csrf)]).await;
                    assert_eq!(wrong.problem(), "csrf", "{method} {path} with another's token");
                }
            }
        }
        if let Caller::Staff(role) = route.caller {
            let without = if role == Role::Evaluator { &agent } else { &evaluator };
            let headers = [("cookie", without.cookie.as_str()), ("x-csrf-token", &without.csrf)];
            let answer = call(&headers).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (403, "forbidden"),
                "{method} {path} without {role:?}"
            );
        }
    }
    assert!(guarded > 10, "the table was walked: {guarded}");
}

#[tokio::test]
async fn the_api_description_names_every_api_route_and_no_other() {
    let document = madoguchi::http::openapi();
    let described: Value = serde_json::from_str(&document).unwrap();
    let mut described: Vec<String> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys().map(|method| method.to_uppercase());
            methods.map(|method| format!("{method} {path}")).collect::<Vec<_>>()
        })
        .collect();
    let api = route_table().into_iter().filter(|route| route.path.starts_with("/api/"));
    let mut served: Vec<String> = api.map(|route| format!("{} {}", route.method, route.path)).collect();
    described.sort();
    served.sort();
    assert_eq!(described, served);
    insta::assert_snapshot!("openapi", document);
}

#[tokio::test]
async fn staff_sign_in_once_then_by_password_and_out() {
    let desk = Counter::open().await;
    let once = desk.app.first_sign_in().await.unwrap().expect("nobody has a password yet");
    let link = format!("/staff/sign-in?once={once}");
    for _ in 0..2 {
        let page = desk.client.get(&link).await;
        assert!(page.status == 200 && page.text().contains(&once), "looking does not use the link up");
    }
    let entered = desk.client.form("/staff/sign-in", &format!("once={once}"), "").await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/staff/account")));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let used = desk.client.form("/staff/sign-in", &format!("once={once}"), "").await;
    assert_eq!(used.status, 401);

    let me = desk.client.send("GET", "/api/v1/staff/me", &[("cookie", &cookie)], b"").await.json();
    let (login, csrf) = (me["login"].as_str().unwrap(), me["csrf"].as_str().unwrap());
    let set = async |form: String| desk.client.form("/staff/account", &form, &cookie).await;
    let pair =
        |a: &str, b: &str, csrf: &str| format!("csrf={csrf}&name=Sato&password={a}&password_again={b}");
    assert_eq!(set(pair("long enough 1", "long enough 1", "wrong")).await.status, 403);
    assert_eq!(set(pair("short", "short", csrf)).await.status, 422);
    assert_eq!(set(pair("long+enough+1", "long+enough+2", csrf)).await.status, 422);
    assert_eq!(set(pair("long+enough+1", "long+enough+1", csrf)).await.status, 303);
    assert_eq!(desk.app.first_sign_in().await.unwrap(), None);
    let unchanged = set(format!("csrf={csrf}&name=Suzuki&password=&password_again=")).await;
    assert_eq!((unchanged.status, unchanged.header("location")), (303, Some("/staff/account?done=true")));
    let named = desk.client.send("GET", "/api/v1/staff/me", &[("cookie", &cookie)], b"").await.json();
    assert_eq!(named["name"], "Suzuki");

    let wrong =
        desk.client.form("/staff/sign-in", &format!("login={login}&password=long+enough+2"), "").await;
    assert!(wrong.status == 401 && wrong.text().contains("role=\"alert\""));
    let right =
        desk.client.form("/staff/sign-in", &format!("login={login}&password=long+enough+1"), "").await;
    assert_eq!((right.status, right.header("location")), (303, Some("/staff")));
    let staff = desk.client.send("GET", "/staff", &[("cookie", &cookie)], b"").await;
    assert_eq!(staff.status, 200);
    let out = desk.client.form("/staff/sign-out", &format!("csrf={csrf}"), &cookie).await;
    assert_eq!(out.status, 303);
    let after = desk.client.send("GET", "/staff", &[("cookie", &cookie)], b"").await;
    assert_eq!(after.status, 303, "the session has ended");
}

#[tokio::test]
async fn pages_say_what_browsers_may_do_with_them() {
    let mut opening = Opening::default();
    opening.settings.trusted_origins = vec!["https://shop.example".to_owned()];
    let desk = Counter::open_with(opening).await;
    for (path, ancestors) in [
        ("/", "frame-ancestors 'none'"),
        ("/embed", "frame-ancestors 'self' https://shop.example"),
        ("/staff/sign-in", "frame-ancestors 'none'"),
        ("/api/v1/search?q=x", "frame-ancestors 'none'"),
    ] {
        let answer = desk.client.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.ends_with(ancestors), "{path}: {policy}");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("strict-origin-when-cross-origin"));
        assert_eq!(answer.header("x-frame-options").is_some(), path != "/embed");
        // Inline scripts and styles would be refused by the policy.
        let page = answer.text();
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="),
            "{path}"
        );
    }
    let widget = desk.client.get("/widget.js").await;
    assert_eq!(widget.header("cross-origin-resource-policy"), Some("cross-origin"));
}

#[tokio::test]
async fn pages_and_problems_speak_the_clients_language() {
    let desk = Counter::open().await;
    let page = async |headers: &[(&str, &str)], path: &str| desk.client.send("GET", path, headers, b"").await;
    let english = [("accept-language", "en-GB,en;q=0.9")];
    assert!(page(&[], "/").await.text().contains("<html lang=\"ja\">"));
    assert!(page(&english, "/").await.text().contains("<html lang=\"en\">"));
    let switched = page(&english, "/?lang=ja").await;
    assert!(switched.text().contains("<html lang=\"ja\">"));
    assert!(switched.header("set-cookie").unwrap().starts_with("madoguchi_lang=ja"));
    assert!(
        page(&[english[0], ("cookie", "madoguchi_lang=ja")], "/").await.text().contains("<html lang=\"ja\">")
    );

    let problem = page(&english, "/api/v1/nothing").await;
    assert_eq!(
        (problem.header("content-language"), problem.json()["title"].as_str()),
        (Some("en"), Some("Not found"))
    );
    let shown = page(&[("accept", "text/html")], "/nothing").await;
    assert!(shown.status == 404 && shown.text().contains("<h1>見つかりません</h1>"), "{}", shown.text());
}

#[tokio::test]
async fn assets_are_served_for_good_under_their_version() {
    let desk = Counter::open().await;
    let page = desk.client.get("/").await.text();
    let version = page.split("/assets/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    for (name, kind) in [
        ("base.css", "text/css"),
        ("chat.css", "text/css"),
        ("staff.css", "text/css"),
        ("chat.js", "text/javascript"),
        ("conversation.js", "text/javascript"),
        ("messages.ja.js", "text/javascript"),
        ("staff.js", "text/javascript"),
    ] {
        let asset = desk.client.get(&format!("/assets/{version}/{name}")).await;
        assert!(asset.status == 200 && asset.header("content-type").unwrap().starts_with(kind), "{name}");
        assert!(asset.header("cache-control").unwrap().contains("immutable"), "{name}");
    }
    let old = desk.client.get("/assets/000000000000/chat.js").await;
    assert_eq!((old.status, old.header("cache-control")), (200, Some("no-store")));
    assert_eq!(desk.client.get(&format!("/assets/{version}/nothing.js")).await.status, 404);
}

#[tokio::test]
async fn operators_see_health_readiness_and_metrics() {
    let desk = Counter::open().await;
    desk.client.visit().await.say(FEE).await;
    assert_eq!(desk.client.get("/healthz").await.text(), "ok\n");
    assert_eq!(desk.client.get("/readyz").await.status, 200);
    let metrics = desk.client.get("/metrics").await.text();
    assert!(metrics.contains("madoguchi_http_request_seconds_bucket"), "{metrics}");
    assert!(metrics.contains("route=\"/api/v1/conversations/{id}/messages\""), "ids stay out of the labels");
    assert!(metrics.contains("madoguchi_decisions_total{decision=\"answer\"}"));
    let search = desk.client.get("/api/v1/search?q=%E6%89%8B%E6%95%B0%E6%96%99&limit=2").await.json();
    assert_eq!(search["results"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stopping_server_ends_streams_and_finishes() {
    let mut desk = Counter::open().await;
    let visitor = desk.client.visit().await;
    let mut events = visitor.follow(None).await;
    events.next_named("status").await;
    desk.stop();
    assert!(tokio::time::timeout(PATIENCE, events.next()).await.expect("it ends").is_none());
    tokio::time::timeout(PATIENCE, &mut desk.server).await.expect("it stops").unwrap().unwrap();
    assert!(TcpStream::connect(desk.at).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn requests_on_one_connection_follow_each_other() {
    let desk = Counter::open().await;
    let mut stream = TcpStream::connect(desk.at).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut text = String::new();
        while !text.ends_with("ok\n") {
            let mut buffer = [0; 1024];
            let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
            assert!(count > 0, "the connection stays open");
            text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }
}

#[tokio::test]
async fn the_sample_desk_serves_with_the_real_engine() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let engine =
        Workshop::in_memory(models).with_fitted(kb().join("fitted")).engine(sample_desk(), TODAY).unwrap();
    let desk = Counter::open_with(Opening { answerer: Arc::new(engine), ..Opening::default() }).await;
    let ask = async |text: &str| desk.client.visit().await.say(text).await;

    let withdrawal = ask("出金できないんだけど").await;
    let offered = withdrawal["candidates"].as_array().unwrap().iter().map(|candidate| &candidate["question"]);
    let shown: Vec<&Value> = offered.chain([&withdrawal["answer"]["question"]]).collect();
    assert!(
        shown.iter().any(|question| question.as_str().is_some_and(|text| text.contains("出金"))),
        "{withdrawal}"
    );

    let theft = ask("昨日不正アクセスで送金されました").await;
    assert_eq!((&theft["decision"], &theft["ticket"]["reason"]), (&json!("handoff"), &json!("security")));
    assert_ne!(ask("今夜の献立を考えて").await["decision"], "answer");
    let found = desk
        .client
        .get("/api/v1/search?q=%E5%87%BA%E9%87%91%E6%89%8B%E6%95%B0%E6%96%99&limit=3")
        .await
        .json();
    assert_eq!(found["results"].as_array().unwrap().len(), 3);
}
