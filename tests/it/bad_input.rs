//! Everything a client can do wrong over HTTP: a clear problem document, no failure of ours, nothing lost.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::counter::{Counter, Opening, PATIENCE};

/// Path, headers and body of a request.
type Sent<'a> = (String, Vec<(&'a str, &'a str)>, Vec<u8>);

const FEE: &str = "日本円の出金にかかる手数料はいくらですか?";

#[tokio::test]
async fn every_bad_input_gets_a_problem_document_and_loses_nothing() {
    let desk = Counter::open().await;
    let visitor = desk.client.visit().await;
    visitor.say(FEE).await;
    let other = desk.client.visit().await;
    let before = visitor.turns().await;
    let messages = visitor.path("/messages");
    let bearer = format!("Bearer {}", visitor.token);
    let good = json!({"text": "こんにちは"}).to_string();
    let json_type = ("content-type", "application/json");
    let auth = ("authorization", bearer.as_str());
    let large = format!("{{\"text\":\"{}\"}}", "あ".repeat(350_000));
    let unknown = "/api/v1/conversations/00000000000000000000000000000000/messages";
    let many: Vec<String> = (0..80).map(|n| format!("x-header-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).chain([auth]).collect();
    let other_bearer = format!("Bearer {}", other.token);

    let bad_body = |body: &str| (messages.clone(), vec![auth, json_type], body.as_bytes().to_vec());
    let cases: Vec<(&str, &str, Sent<'_>, u16, &str)> = vec![
        ("empty body", "POST", bad_body(""), 422, "invalid_body"),
        ("empty text", "POST", bad_body(r#"{"text":""}"#), 422, "empty"),
        ("white space", "POST", bad_body("{\"text\":\" \\n\u{3000}\\t\"}"), 422, "empty"),
        ("NUL", "POST", bad_body(r#"{"text":"a\u0000b"}"#), 422, "control_character"),
        ("raw NUL", "POST", bad_body("{\"text\":\"a\0b\"}"), 400, "malformed_json"),
        ("lone surrogate", "POST", bad_body(r#"{"text":"\ud83d"}"#), 400, "lone_surrogate"),
        ("low surrogate", "POST", bad_body(r#"{"text":"\udc00x"}"#), 400, "lone_surrogate"),
        ("malformed JSON", "POST", bad_body(r#"{"text":"#), 400, "malformed_json"),
        ("no object", "POST", bad_body("[]"), 422, "invalid_body"),
        ("number as text", "POST", bad_body(r#"{"text":5}"#), 422, "invalid_body"),
        ("no text", "POST", bad_body(r#"{"message":"x"}"#), 422, "invalid_body"),
        ("too long", "POST", bad_body(&json!({"text": "あ".repeat(2_001)}).to_string()), 422, "too_long"),
        ("1 MB", "POST", bad_body(&large), 413, "body_too_large"),
        (
            "not UTF-8",
            "POST",
            (messages.clone(), vec![auth, json_type], b"{\"text\":\"\xff\xfe\"}".to_vec()),
            400,
            "malformed_json",
        ),
        (
            "wrong type",
            "POST",
            (messages.clone(), vec![auth, ("content-type", "text/plain")], good.clone().into()),
            415,
            "unsupported_media_type",
        ),
        (
            "no type",
            "POST",
            (messages.clone(), vec![auth], good.clone().into()),
            415,
            "unsupported_media_type",
        ),
        (
            "unknown conversation",
            "POST",
            (unknown.into(), vec![auth, json_type], good.clone().into()),
            404,
            "conversation_not_found",
        ),
        (
            "id that is none",
            "POST",
            ("/api/v1/conversations/..%2f/messages".into(), vec![auth, json_type], good.clone().into()),
            404,
            "conversation_not_found",
        ),
        ("no token", "POST", (messages.clone(), vec![json_type], good.clone().into()), 401, "token_missing"),
        (
            "wrong token",
            "POST",
            (messages.clone(), vec![("authorization", "Bearer 1234"), json_type], good.clone().into()),
            403,
            "wrong_token",
        ),
        (
            "another's token",
            "POST",
            (messages.clone(), vec![("authorization", &other_bearer), json_type], good.clone().into()),
            403,
            "wrong_token",
        ),
        (
            "another site's page",
            "POST",
            (messages.clone(), vec![auth, json_type, ("sec-fetch-site", "cross-site")], good.clone().into()),
            403,
            "cross_site",
        ),
        ("wrong method", "PUT", (messages.clone(), vec![auth], Vec::new()), 405, "method_not_allowed"),
        ("unknown path", "GET", ("/api/v2/everything".into(), vec![], Vec::new()), 404, "not_found"),
        ("many headers", "GET", (visitor.path(""), many, Vec::new()), 431, "headers_too_large"),
        (
            "bad event id",
            "GET",
            (visitor.path("/events"), vec![auth, ("last-event-id", "x")], Vec::new()),
            422,
            "invalid_event_id",
        ),
        (
            "bad query",
            "GET",
            ("/api/v1/search?q=a&limit=many".into(), vec![], Vec::new()),
            422,
            "invalid_query",
        ),
        (
            "long query",
            "GET",
            (format!("/api/v1/search?q={}", "a".repeat(300)), vec![], Vec::new()),
            422,
            "too_long",
        ),
        (
            "unknown language",
            "POST",
            ("/api/v1/conversations".into(), vec![json_type], br#"{"language":"fr"}"#.to_vec()),
            422,
            "unknown_language",
        ),
        (
            "nothing offered",
            "POST",
            (visitor.path("/choose"), vec![auth, json_type], br#"{"entry_id":"nowhere"}"#.to_vec()),
            409,
            "not_offered",
        ),
        (
            "no answer",
            "POST",
            (visitor.path("/feedback"), vec![auth, json_type], br#"{"turn":99,"resolved":true}"#.to_vec()),
            409,
            "not_an_answer",
        ),
    ];
    for (name, method, (path, headers, body), status, code) in cases {
        let answer = desk.client.send(method, &path, &headers, &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{name}: {}", answer.text());
    }
    assert_eq!(visitor.turns().await, before, "nothing was added and nothing lost");
    assert_eq!(visitor.say("こんにちは").await["decision"], "smalltalk", "the conversation goes on");
}

#[tokio::test]
async fn a_megabyte_in_chunks_is_refused_with_a_document() {
    let desk = Counter::open().await;
    let visitor = desk.client.visit().await;
    let mut request = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        visitor.path("/messages"),
        visitor.token
    )
    .into_bytes();
    let chunk = vec![b'a'; 16 * 1024];
    for _ in 0..64 {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(&chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = desk.client.raw(&request).await;
    assert_eq!((answer.status, answer.problem().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn slow_headers_and_slow_bodies_run_out_of_time_and_hold_nobody_up() {
    let mut opening = Opening::default();
    opening.settings.limits.header_timeout_ms = 300;
    opening.settings.limits.request_timeout_ms = 300;
    let desk = Counter::open_with(opening).await;
    let visitor = desk.client.visit().await;
    let slow_headers = "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned();
    let slow_body = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        visitor.path("/messages")
    );
    for begun in [slow_headers, slow_body] {
        let mut stream = TcpStream::connect(desk.at).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        // Another client is served meanwhile.
        assert_eq!(desk.client.get("/healthz").await.status, 200);
        let mut text = String::new();
        let waited = Instant::now();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("it ends").unwrap();
        assert!(text.starts_with("HTTP/1.1 408") && text.contains("\"code\":\"request_timeout\""), "{text}");
        assert!(waited.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let desk = Counter::open().await;
    let mut refused = 0;
    for _ in 0..12 {
        let answer = desk.client.form("/staff/sign-in", "login=nobody&password=wrong-password", "").await;
        if answer.status == 429 {
            refused += 1;
            assert!(answer.header("retry-after").is_some());
        }
    }
    assert!(refused >= 1);
}

#[tokio::test]
async fn messages_beyond_the_configured_rate_are_refused() {
    let mut opening = Opening::default();
    opening.settings.limits.messages_per_minute = 3;
    let desk = Counter::open_with(opening).await;
    let visitor = desk.client.visit().await;
    visitor.say("こんにちは").await;
    visitor.say("こんにちは").await;
    let refused = visitor.post("/messages", json!({"text": "こんにちは"})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "rate_limited"));
    assert_eq!(refused.header("retry-after"), Some("20"));
    assert_eq!(visitor.turns().await.len(), 4);
}
