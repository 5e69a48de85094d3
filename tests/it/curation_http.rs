//! The curation desk over HTTP: the API's answers to good and bad calls, pages for those who may see them, accounts.

use std::sync::Arc;

use madoguchi::app::Role;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::counter::{Answer, Counter, Opening, Press, SignedIn};

async fn content(desk: &Counter, staff: &SignedIn, id: &str) -> Value {
    let entry = staff.get(&desk.client, &format!("/api/v1/entries/{id}")).await;
    assert_eq!(entry.status, 200, "{}", entry.text());
    entry.json()
}

async fn post(desk: &Counter, staff: &SignedIn, path: &str, body: Value) -> Answer {
    staff.post(&desk.client, path, body).await
}

#[tokio::test]
async fn an_entry_goes_its_way_through_the_api() {
    let desk = Counter::open_curated().await;
    desk.staff("sato", &[Role::Editor]).await;
    desk.staff("suzuki", &[Role::Approver]).await;
    let (editor, approver) = (desk.sign_in("sato").await, desk.sign_in("suzuki").await);
    let new = json!({"content": {"question": "法人でも積立はできますか?", "answer": "はい。", "category": ["取引"]}});
    let made = post(&desk, &editor, "/api/v1/entries", new).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let entry = made.json();
    let path = format!("/api/v1/entries/{}", entry["id"].as_str().unwrap());
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!((&entry["version"], &entry["life"]["status"]), (&json!(1), &json!("draft")));
    assert_eq!(entry["actions"], json!(["submit", "archive"]));

    let go = async |staff: &SignedIn, act: &str, body: Value| {
        post(&desk, staff, &format!("{path}/{act}"), body).await
    };
    assert_eq!(go(&editor, "publish", json!({})).await.problem(), "forbidden");
    assert_eq!(go(&approver, "publish", json!({})).await.problem(), "not_in_review");
    assert_eq!(go(&editor, "submit", json!({"version": 7})).await.problem(), "stale");
    assert_eq!(go(&editor, "submit", json!({"version": 1})).await.status, 200);
    assert_eq!(go(&approver, "schedule", json!({"at": "soon"})).await.problem(), "invalid");
    assert_eq!(go(&approver, "approve", json!({})).await.json()["life"]["approved"], true);
    let published = go(&approver, "publish", json!({"note": "確認済み"})).await.json();
    assert_eq!(published["life"]["live"], 1);
    let heard = desk.client.visit().await.say("法人でも積立はできますか?").await;
    assert_eq!(heard["answer"]["markdown"], "はい。");

    let history = editor.get(&desk.client, &format!("{path}/history")).await.json();
    assert_eq!(
        (&history["log"][0]["event"], &history["log"][0]["note"]),
        (&json!("published"), &json!("確認済み"))
    );
    let saved = json!({"version": published["version"], "content": {"question": "法人でも積立はできますか?", "answer": "いいえ。", "category": ["取引"]}});
    let saved = post(&desk, &editor, &path, saved).await.json();
    assert_eq!((&saved["head"]["number"], &saved["live"]["number"]), (&json!(2), &json!(1)));
    let diff = editor.get(&desk.client, &format!("{path}/diff/1/2")).await.json();
    assert_eq!(diff["fields"][0]["field"], "answer");
    assert_eq!(editor.get(&desk.client, &format!("{path}/diff/1/9")).await.problem(), "revision_not_found");
}

#[tokio::test]
async fn what_changes_something_runs_to_its_end_and_says_whether_customers_get_it() {
    let press = Arc::new(Press::default());
    let mut opening = Opening { curated: true, press: press.clone(), ..Opening::default() };
    opening.settings.limits.request_timeout_ms = 300;
    opening.limits.serving_wait_ms = 900;
    let desk = Counter::open_with(opening).await;
    desk.staff("sato", &[Role::Editor]).await;
    desk.staff("suzuki", &[Role::Approver]).await;
    let (editor, approver) = (desk.sign_in("sato").await, desk.sign_in("suzuki").await);
    let new = json!({"id": "piling", "content": {"question": "法人でも積立はできますか?", "answer": "はい。", "category": ["取引"], "owner": "取引チーム"}});
    assert_eq!(post(&desk, &editor, "/api/v1/entries", new).await.status, 201);
    for (staff, act) in [(&editor, "submit"), (&approver, "approve")] {
        let done = post(&desk, staff, &format!("/api/v1/entries/piling/{act}"), json!({})).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }
    let service = async || editor.get(&desk.client, "/api/v1/service").await.json();
    let becomes = async |state: &str| while service().await["state"] != state {};
    let hears = async || {
        let heard = desk.client.visit().await.say("法人でも積立はできますか?").await;
        (heard["decision"] == "answer").then(|| heard["answer"]["markdown"].clone())
    };
    assert_eq!(service().await, json!({"state": "served", "done": null, "total": null, "why": null}));

    // A build that takes longer than a request may: what is stored is not answered with an error.
    let door = press.door.lock().await;
    let published = post(&desk, &approver, "/api/v1/entries/piling/publish", json!({})).await;
    assert_eq!(published.status, 200, "{}", published.text());
    assert_eq!((&published.json()["life"]["live"], &published.json()["served"]), (&json!(1), &json!(false)));
    assert_eq!(service().await, json!({"state": "building", "done": 3, "total": 10, "why": null}));
    assert!(editor.get(&desk.client, "/staff/entries").await.text().contains("公開処理中"));
    assert_eq!(hears().await, None);
    drop(door);
    becomes("served").await;
    assert_eq!(hears().await, Some(json!("はい。")));
    assert!(!editor.get(&desk.client, "/staff/entries").await.text().contains("公開処理中"));

    // A client that goes away once it is stored.
    let door = press.door.lock().await;
    let mut stream = TcpStream::connect(desk.at).await.unwrap();
    let (cookie, csrf) = (&approver.cookie, &approver.csrf);
    let request = format!(
        "POST /api/v1/entries/piling/take-down HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\nx-csrf-token: {csrf}\r\n\
         content-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    becomes("building").await;
    drop(stream);
    drop(door);
    becomes("served").await;
    assert_eq!(hears().await, None);
}

#[tokio::test]
async fn every_bad_input_is_named() {
    let desk = Counter::open_curated().await;
    desk.staff("sato", &[Role::Editor]).await;
    let editor = desk.sign_in("sato").await;
    let path = "/api/v1/entries/jpy-withdrawal-fee";
    let now = content(&desk, &editor, "jpy-withdrawal-fee").await;
    let stale = post(&desk, &editor, path, json!({"version": 99, "content": now["head"]["content"]})).await;
    assert_eq!((stale.status, stale.problem().as_str()), (409, "stale"));
    assert_eq!(stale.json()["current"], now, "who was slower sees how it is now");
    let with = |field: &str, value: Value| {
        let mut content = now["head"]["content"].clone();
        content[field] = value;
        json!({"version": 1, "content": content})
    };
    for (body, code) in [
        (json!({"content": {}}), "invalid"),
        (json!({"version": 1}), "invalid_body"),
        (with("question", json!("長".repeat(301))), "flawed"),
        (with("answer", json!("a\u{0}")), "flawed"),
        (with("keywords", json!(vec!["k"; 101])), "flawed"),
        (with("language", json!("fr")), "invalid_body"),
        (with("valid_until", json!("2026-02-30")), "invalid_body"),
        (with("surprise", json!(1)), "invalid_body"),
    ] {
        let answer = post(&desk, &editor, path, body.clone()).await;
        assert_eq!((answer.status / 100, answer.problem().as_str()), (4, code), "{body}");
        if code == "flawed" {
            assert!(answer.json()["flaws"][0]["text"].as_str().is_some_and(|text| !text.contains('{')));
        }
    }
    for (path, code) in [
        ("/api/v1/entries/gone", "entry_not_found"),
        ("/api/v1/entries?state=nowhere", "invalid_query"),
        ("/api/v1/entries?sort=color", "invalid_query"),
        ("/api/v1/entries?only=mine", "invalid_query"),
        ("/api/v1/entries?page=x", "invalid_query"),
    ] {
        assert_eq!(editor.get(&desk.client, path).await.problem(), code, "{path}");
    }
    let taken = json!({"id": "jpy-withdrawal-fee", "content": {"question": "?"}});
    assert_eq!(post(&desk, &editor, "/api/v1/entries", taken).await.problem(), "entry_id_taken");
    let bulk = json!({"ids": ["gone", "jpy-withdrawal-fee"], "action": "set-owner", "value": "新チーム"});
    let results = post(&desk, &editor, "/api/v1/entries/bulk", bulk).await.json();
    assert_eq!(
        (&results["results"][0]["code"], &results["results"][1]["done"]),
        (&json!("entry_not_found"), &json!(true))
    );
    let bulk = json!({"ids": [], "action": "explode"});
    assert_eq!(post(&desk, &editor, "/api/v1/entries/bulk", bulk).await.problem(), "invalid");
    assert_eq!(
        content(&desk, &editor, "jpy-withdrawal-fee").await["head"]["content"]["answer"],
        now["head"]["content"]["answer"]
    );
}

#[tokio::test]
async fn hostile_words_stay_words_on_every_page() {
    let desk = Counter::open_curated().await;
    desk.staff("sato", &[Role::Admin]).await;
    let staff = desk.sign_in("sato").await;
    let evil = "<script>alert(1)</script>";
    let new = json!({"id": "evil", "reason": evil, "content": {"question": evil, "phrasings": [format!("{evil}2")], "answer": format!("{evil}<img src=x onerror=alert(1)>"), "category": [evil], "owner": evil, "keywords": [evil]}});
    assert_eq!(post(&desk, &staff, "/api/v1/entries", new).await.status, 201);
    assert_eq!(post(&desk, &staff, "/api/v1/entries/evil/submit", json!({"note": evil})).await.status, 200);
    for page in [
        "/staff/entries?q=evil",
        "/staff/entries/evil",
        "/staff/entries/evil/history",
        "/staff/review",
        "/staff/test?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E&of=drafts",
    ] {
        let shown = staff.get(&desk.client, page).await;
        assert_eq!(shown.status, 200, "{page}");
        let text = shown.text();
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{page}");
        assert!(text.contains("script"), "{page} shows it as text");
    }
}

#[tokio::test]
async fn pages_show_what_one_may_do() {
    let desk = Counter::open_curated().await;
    desk.staff("reader", &[Role::Evaluator]).await;
    desk.staff("sato", &[Role::Editor]).await;
    let (reader, editor) = (desk.sign_in("reader").await, desk.sign_in("sato").await);
    let list = reader.get(&desk.client, "/staff/entries?q=%E5%87%BA%E9%87%91").await;
    assert!(list.status == 200 && !list.text().contains("/staff/entries/new"));
    assert!(editor.get(&desk.client, "/staff/entries").await.text().contains("/staff/entries/new"));
    let seen = reader.get(&desk.client, "/staff/entries/jpy-withdrawal-fee").await.text();
    assert!(seen.contains("inert") && !seen.contains("data-act="));
    assert_eq!(reader.get(&desk.client, "/staff").await.header("location"), Some("/staff/entries"));
    assert_eq!(reader.get(&desk.client, "/staff/entries/gone").await.status, 404);
    assert_eq!(reader.get(&desk.client, "/staff/entries/gone/history").await.status, 404);
    let tried = reader.get(&desk.client, "/staff/test?q=%E7%84%A1%E9%96%A2%E4%BF%82").await.text();
    assert!(tried.contains("担当者につなぎます"), "{tried}");
}

#[tokio::test]
async fn an_administrator_keeps_the_accounts() {
    let desk = Counter::open().await;
    desk.staff("boss", &[Role::Admin]).await;
    let boss = desk.sign_in("boss").await;
    let new = json!({"login": "sato", "password": crate::counter::PASSWORD, "roles": ["editor", "agent"]});
    let made = post(&desk, &boss, "/api/v1/accounts", new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(post(&desk, &boss, "/api/v1/accounts", new).await.problem(), "login_taken");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/accounts/{id}");
    let sato = desk.sign_in("sato").await;
    assert_eq!(sato.get(&desk.client, "/api/v1/accounts").await.problem(), "forbidden");

    // Fewer rights end the sessions that had more.
    assert_eq!(post(&desk, &boss, &path, json!({"roles": ["agent"]})).await.status, 200);
    assert_eq!(sato.get(&desk.client, "/api/v1/staff/me").await.problem(), "not_signed_in");
    let sato = desk.sign_in("sato").await;
    assert_eq!(post(&desk, &boss, &path, json!({"enabled": false})).await.json()["enabled"], false);
    assert_eq!(sato.get(&desk.client, "/api/v1/staff/me").await.problem(), "not_signed_in");
    let form = format!("login=sato&password={}", crate::counter::PASSWORD);
    assert_eq!(desk.client.form("/staff/sign-in", &form, "").await.status, 401);
    let reset = json!({"enabled": true, "password": "another long password"});
    assert_eq!(post(&desk, &boss, &path, reset).await.status, 200);
    assert_eq!(desk.client.form("/staff/sign-in", &form, "").await.status, 401);
    let form = "login=sato&password=another+long+password";
    assert_eq!(desk.client.form("/staff/sign-in", form, "").await.status, 303);

    for (body, code) in [
        (json!({"roles": []}), "invalid"),
        (json!({"roles": ["king"]}), "invalid"),
        (json!({"password": "short"}), "invalid"),
        (json!({"surprise": 1}), "invalid_body"),
    ] {
        assert_eq!(post(&desk, &boss, &path, body.clone()).await.problem(), code, "{body}");
    }
    let me = boss.get(&desk.client, "/api/v1/staff/me").await.json();
    let own = format!("/api/v1/accounts/{}", me["id"].as_str().unwrap());
    assert_eq!(post(&desk, &boss, &own, json!({"enabled": false})).await.problem(), "last_admin");
    assert_eq!(post(&desk, &boss, "/api/v1/accounts/none", json!({})).await.problem(), "account_not_found");
}
