//! The curation desk in a real browser: writing, reviewing, publishing, by mouse and by keyboard alone, and what happens
//! when two people write at once.

use fantoccini::Locator;
use fantoccini::key::Key;
use madoguchi::app::Role;

use crate::browser::{Browser, Driver, FEE, enter, tab};
use crate::counter::{Counter, PATIENCE};

async fn entry(browser: &Browser, desk: &Counter, rest: &str) {
    browser.open(&format!("http://{}/staff/entries/{rest}", desk.at)).await;
}

/// Replaces what a field says, as typing would.
async fn retype(browser: &Browser, selector: &str, text: &str) {
    let field = browser.client.find(Locator::Css(selector)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// Presses a button that ends in a new page, and waits for that.
pub async fn press(browser: &Browser, selector: &str) {
    browser.js("document.documentElement.dataset.old = 'true'").await;
    browser.click(selector).await;
    arrive(browser).await;
}

/// The same for a button that asks first.
pub async fn press_and_agree(browser: &Browser, selector: &str) {
    browser.js("document.documentElement.dataset.old = 'true'").await;
    browser.click(selector).await;
    browser.client.accept_alert().await.unwrap();
    arrive(browser).await;
}

/// Waits for the page after the one that was marked old. Asked from outside: a script would end with the old page.
async fn arrive(browser: &Browser) {
    let page = Locator::Css("html[data-ready=true]:not([data-old])");
    browser.client.wait().at_most(PATIENCE).for_element(page).await.expect("the next page comes");
}

/// What a customer gets to the fee question.
async fn heard(desk: &Counter) -> String {
    let reply = desk.client.visit().await.say(FEE).await;
    reply["answer"]["markdown"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn in_a_hurry_an_entry_is_written_and_handed_over_in_one_step() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    desk.staff("sato", &[Role::Editor]).await;
    let browser = driver.browser(1300, 900).await;
    browser.sign_in(&desk, "sato").await;
    entry(&browser, &desk, "new").await;
    browser.fill("#f-question", "法人口座でも積立はできますか?").await;
    browser.fill("#f-answer", "はい。").await;
    browser.click("#save-submit").await;
    // Saved, but something is missing: it is named, and the focus is where it goes.
    browser.until("document.activeElement.id === 'f-category'").await;
    assert!(browser.text("#flaw-category").await.contains("カテゴリ"));
    browser.keys("取引 / 積立").await;
    press(&browser, "#save-submit").await;
    assert!(browser.text(".acts").await.contains("承認待ち"));
}

#[tokio::test]
async fn an_entry_is_written_reviewed_by_a_second_person_published_and_rolled_back() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    let editor = driver.signed_in(&desk, "sato", Role::Editor).await;
    let approver = driver.signed_in(&desk, "suzuki", Role::Approver).await;

    entry(&editor, &desk, "jpy-withdrawal-fee").await;
    retype(&editor, "#f-answer", "1回につき **550円** です。").await;
    editor.until("document.querySelector('#preview strong')?.textContent === '550円'").await;
    editor.fill("#reason", "料金改定").await;
    press(&editor, "#save").await;
    assert!(editor.text(".side").await.contains("改訂中"));
    assert!(heard(&desk).await.contains("440円"), "customers get what is published");
    editor.fill(".note", "12月1日からです").await;
    press(&editor, "[data-act=submit]").await;
    assert_eq!(editor.js("document.querySelectorAll('[data-act=approve]').length").await, 0);

    approver.open(&format!("http://{}/staff/review", desk.at)).await;
    let diff = approver.text(".diff").await;
    assert!(diff.contains("550円") && diff.contains("440円"), "{diff}");
    let review = approver.text(".review").await;
    assert!(review.contains("料金改定") && review.contains("12月1日からです"), "{review}");
    press(&approver, "[data-act=approve]").await;
    assert!(heard(&desk).await.contains("440円"), "approved is not published");
    press_and_agree(&approver, "[data-act=publish]").await;
    assert!(approver.text("#main").await.contains("承認を待っている項目はありません"));
    assert_eq!(heard(&desk).await, "1回につき **550円** です。");

    // Back to the first revision, by review again.
    entry(&editor, &desk, "jpy-withdrawal-fee/history").await;
    press_and_agree(&editor, "[data-act=roll-back][data-to='1']").await;
    assert!(heard(&desk).await.contains("550円"));
    press(&editor, "[data-act=submit]").await;
    entry(&approver, &desk, "jpy-withdrawal-fee").await;
    press(&approver, "[data-act=approve]").await;
    press_and_agree(&approver, "[data-act=publish]").await;
    assert!(heard(&desk).await.contains("440円"));
}

#[tokio::test]
async fn a_new_entry_is_written_with_the_keyboard_alone() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    desk.staff("sato", &[Role::Editor]).await;
    let browser = driver.browser(1300, 900).await;
    browser.sign_in(&desk, "sato").await;
    browser.open(&format!("http://{}/staff/entries/new", desk.at)).await;
    // The first stop leads past the navigation; from there every field follows in reading order.
    browser.keys(&tab()).await;
    assert_eq!(browser.js("document.activeElement.className").await, "skip");
    browser.keys(&enter()).await;
    let at = async |id: &str| {
        let mut passed = Vec::new();
        for _ in 0..40 {
            if browser.js("document.activeElement.id").await == id {
                let ring = browser.js("getComputedStyle(document.activeElement).outlineStyle").await;
                assert_eq!(ring, "solid", "the focus is seen on {id}");
                return;
            }
            passed.push(browser.js("document.activeElement.id || document.activeElement.tagName").await);
            browser.keys(&tab()).await;
        }
        panic!("{id} is not reached by Tab: {passed:?}");
    };
    at("f-question").await;
    browser.keys("法人でも積立はできますか?").await;
    at("f-phrasings").await;
    browser.keys(&format!("会社でつみたて{}法人 積立", enter())).await;
    at("f-answer").await;
    browser.keys("はい。**法人口座**でもご利用いただけます。").await;
    at("f-category").await;
    browser.keys("取引/積立").await;
    at("link-follow_ups").await;
    browser.keys(&format!("tsumitate-start{}", enter())).await;
    browser.until("document.querySelector('[data-links=follow_ups] li')").await;
    // What is typed is kept before it is saved.
    browser.until("document.getElementById('kept').textContent.includes('控えを取りました')").await;
    let here = browser.client.current_url().await.unwrap();
    browser.js("document.documentElement.dataset.old = 'true'").await;
    browser.keys(&format!("{}s", char::from(Key::Control))).await;
    arrive(&browser).await;
    assert_eq!(browser.client.current_url().await.unwrap().path(), here.path());
    assert_eq!(browser.js("document.querySelector('h1').textContent").await, "法人でも積立はできますか?");
    assert_eq!(browser.js("document.getElementById('f-phrasings').value").await, "会社でつみたて\n法人 積立");
    assert!(browser.text(".side").await.contains("下書き"));
}

#[tokio::test]
async fn what_was_typed_comes_back_and_can_be_discarded() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    desk.staff("sato", &[Role::Editor]).await;
    let browser = driver.browser(1300, 900).await;
    browser.sign_in(&desk, "sato").await;
    entry(&browser, &desk, "jpy-withdrawal-fee").await;
    let before = browser.js("document.getElementById('f-question').value").await;
    retype(&browser, "#f-question", "書きかけの質問").await;
    browser.until("document.getElementById('kept').textContent.includes('控えを取りました')").await;
    entry(&browser, &desk, "jpy-withdrawal-fee").await;
    assert_eq!(browser.js("document.getElementById('f-question').value").await, "書きかけの質問");
    press_and_agree(&browser, "#drop-draft").await;
    assert_eq!(browser.js("document.getElementById('f-question').value").await, before);
}

#[tokio::test]
async fn two_who_write_at_once_see_both_versions() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    let sato = driver.signed_in(&desk, "sato", Role::Editor).await;
    let tanaka = driver.signed_in(&desk, "tanaka", Role::Editor).await;
    for browser in [&sato, &tanaka] {
        entry(browser, &desk, "jpy-withdrawal-fee").await;
    }
    retype(&sato, "#f-answer", "佐藤の答え").await;
    press(&sato, "#save").await;
    retype(&tanaka, "#f-answer", "田中の答え").await;
    tanaka.click("#save").await;
    tanaka.until("document.getElementById('stale').open").await;
    let both = tanaka.text("#stale-fields").await;
    assert!(both.contains("佐藤の答え") && both.contains("田中の答え"), "{both}");
    press(&tanaka, "#stale-mine").await;
    assert_eq!(tanaka.js("document.getElementById('f-answer').value").await, "田中の答え");
    entry(&sato, &desk, "jpy-withdrawal-fee/history?older=2&newer=3").await;
    let diff = sato.text(".diff").await;
    assert!(diff.contains("佐藤の答え") && diff.contains("田中の答え"), "nothing is lost: {diff}");
}

#[tokio::test]
async fn many_entries_get_a_new_owner_at_once() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    desk.staff("sato", &[Role::Editor]).await;
    let browser = driver.browser(1300, 900).await;
    browser.sign_in(&desk, "sato").await;
    browser.open(&format!("http://{}/staff/entries?q=jpy-withdrawal", desk.at)).await;
    let count = browser.js("document.querySelectorAll('tbody tr').length").await.as_u64().unwrap();
    assert!(count > 3, "{count}");
    browser.click("#pick-all").await;
    browser.until("!document.getElementById('bulk').hidden").await;
    browser.js("(e => { e.value = 'set-owner'; e.dispatchEvent(new Event('change', {bubbles: true})); })(document.getElementById('bulk-action'))").await;
    browser.fill("#bulk-owner input", "新しいチーム").await;
    press_and_agree(&browser, "#bulk .primary").await;
    let owned = browser.js("[...document.querySelectorAll('tbody tr')].filter(row => row.textContent.includes('新しいチーム')).length").await;
    assert_eq!(owned, count);
}
