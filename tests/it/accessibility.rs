//! Every page looked over by axe-core in a real browser: no serious barrier, at the width of a desk and of a phone.

use madoguchi::app::Role;
use serde_json::Value;

use crate::browser::{Browser, Driver, FEE, enter};
use crate::counter::Counter;

/// The script that scripts/setup.sh --test fetches.
fn axe() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/.cache/axe-core/axe.min.js");
    std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{file}: {error}; run scripts/setup.sh --test"))
}

/// What axe finds serious or worse on the page that is open, in words.
async fn barriers(browser: &Browser, axe: &str) -> Vec<String> {
    browser.client.execute(axe, Vec::new()).await.unwrap();
    let run = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}) \
               .then((found) => done(found.violations), (error) => done([{id: String(error), impact: 'critical', nodes: []}]));";
    let found = browser.client.execute_async(run, Vec::new()).await.unwrap();
    let is_serious =
        |violation: &&Value| matches!(violation["impact"].as_str(), Some("serious" | "critical"));
    let words = |violation: &Value| {
        let places = violation["nodes"].as_array().unwrap().iter().take(3);
        let places: Vec<String> =
            places.map(|node| format!("{} {}", node["target"], node["failureSummary"])).collect();
        format!("{}: {}\n    {}", violation["id"], violation["help"], places.join("\n    "))
    };
    found.as_array().unwrap().iter().filter(is_serious).map(words).collect()
}

#[tokio::test]
async fn a_barrier_is_found() {
    let (desk, driver) = (Counter::open().await, Driver::start().await);
    let browser = driver.browser(900, 700).await;
    browser.client.goto(&format!("http://{}/staff/sign-in", desk.at)).await.unwrap();
    browser.js("document.querySelector('label').remove()").await;
    let found = barriers(&browser, &axe()).await;
    assert!(found.iter().any(|barrier| barrier.contains("must have labels")), "{found:?}");
}

#[tokio::test]
async fn no_page_has_a_serious_barrier() {
    let (desk, driver, axe) = (Counter::open_curated().await, Driver::start().await, axe());
    let boss = desk.staff("boss", &[Role::Admin]).await;
    desk.staff("sato", &[Role::Editor]).await;
    // Something in every list: an edit in review, and a customer who waits for a person.
    let sato = desk.sign_in("sato").await;
    let entry = "/api/v1/entries/jpy-withdrawal-fee";
    let mut edit = sato.get(&desk.client, entry).await.json();
    edit["head"]["content"]["answer"] = "1回につき **550円** です。".into();
    let edit = serde_json::json!({"version": edit["version"], "content": edit["head"]["content"], "reason": "料金改定"});
    assert_eq!(sato.post(&desk.client, entry, edit).await.status, 200);
    assert_eq!(sato.post(&desk.client, &format!("{entry}/submit"), serde_json::json!({})).await.status, 200);
    desk.client.visit().await.say("不正アクセスの被害に遭いました").await;
    // A file with good and bad rows, a question asked in vain, and a vocabulary that says something new.
    let file =
        "外部ID,質問,回答,公開開始\nk1,会員証はもらえますか?,発行していません。,2026-04-01\nk2,,空です,\n";
    let given = desk.app.give_import(&boss, "faq.csv", file.as_bytes().to_vec(), "").await.unwrap();
    desk.client.visit().await.say("紙の領収書を郵送してもらえますか").await;
    desk.app.find_gaps().await.unwrap();
    let gap = desk.app.gaps(&boss, "").await.unwrap().0[0].record.id.clone();
    let mut words = sato.get(&desk.client, "/api/v1/vocabulary").await.json();
    words["content"]["synonyms"].as_array_mut().unwrap().push(serde_json::json!(["着地金", "入金の反映"]));
    let words = serde_json::json!({"version": words["version"], "synonyms": words["content"]["synonyms"], "terms": words["content"]["terms"]});
    assert_eq!(sato.post(&desk.client, "/api/v1/vocabulary", words).await.status, 200);
    assert_eq!(sato.post(&desk.client, "/api/v1/vocabulary/submit", serde_json::json!({})).await.status, 200);

    let mut found = Vec::new();
    for width in [1300, 360] {
        let browser = driver.browser(width, 900).await;
        let at = |path: &str| format!("http://{}{path}", desk.at);
        let mut look = async |place: &str| {
            for barrier in barriers(&browser, &axe).await {
                found.push(format!("{place} at {width}: {barrier}"));
            }
        };
        browser.open(&at("/?lang=ja")).await;
        look("chat").await;
        browser.fill("#say", &format!("{FEE}{}", enter())).await;
        browser.until("document.querySelector('.answer')").await;
        look("chat with an answer").await;
        for path in ["/embed-demo", "/staff/sign-in", "/nowhere"] {
            browser.client.goto(&at(path)).await.unwrap();
            look(path).await;
        }
        browser.sign_in(&desk, "boss").await;
        browser.until("document.querySelector('.row')").await;
        browser.click(".row").await;
        browser.until("document.querySelector('#log .turn')").await;
        look("counter").await;
        for path in [
            "/staff/entries",
            "/staff/entries?q=出金",
            "/staff/entries/jpy-withdrawal-fee",
            "/staff/entries/new",
            "/staff/entries/jpy-withdrawal-fee/history",
            "/staff/review",
            "/staff/test?q=出金",
            "/staff/accounts",
            "/staff/account",
        ] {
            browser.client.goto(&at(path)).await.unwrap();
            look(path).await;
        }
        for path in [
            "/staff/imports".to_owned(),
            format!("/staff/imports/{}", given.record.id),
            "/staff/gaps".to_owned(),
            format!("/staff/gaps/{gap}"),
            "/staff/insight".to_owned(),
            "/staff/vocabulary/history".to_owned(),
        ] {
            browser.client.goto(&at(&path)).await.unwrap();
            look(&path).await;
        }
        browser.client.goto(&at("/staff/entries/jpy-withdrawal-fee/impact")).await.unwrap();
        let verdict = fantoccini::Locator::Css("#verdict");
        browser
            .client
            .wait()
            .at_most(crate::counter::PATIENCE)
            .for_element(verdict)
            .await
            .expect("a verdict");
        look("impact").await;
        browser.open(&at("/staff/vocabulary")).await;
        look("vocabulary").await;
        browser.fill("#try", "着地金はいつですか").await;
        browser.click("#look").await;
        browser.until("document.querySelector('#impact .fine')").await;
        look("vocabulary with its effect").await;
        browser.click("#tab-terms").await;
        look("dictionary").await;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
