//! The vocabulary in a real browser: what a change would do is seen before it is saved, a second person lets it out, two
//! who write at once lose nothing, and all of it goes by keyboard.

use fantoccini::Locator;
use fantoccini::key::Key;
use madoguchi::app::Role;

use crate::browser::{Browser, Driver, enter, tab};
use crate::browser_desk::{press, press_and_agree};
use crate::counter::Counter;

async fn open(browser: &Browser, desk: &Counter) {
    browser.open(&format!("http://{}/staff/vocabulary", desk.at)).await;
}

/// A row whose first field says `words`, as a selector of that field.
async fn field_of(browser: &Browser, words: &str) -> String {
    let mark = format!(
        "(() => {{ const field = [...document.querySelectorAll('.cell')].find((cell) => cell.value.includes('{words}')); \
         field.id = 'found'; return field.value; }})()"
    );
    browser.js(&mark).await;
    "#found".to_owned()
}

#[tokio::test]
async fn a_synonym_is_tried_saved_and_let_out_by_a_second_person() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    let editor = driver.signed_in(&desk, "sato", Role::Editor).await;
    let approver = driver.signed_in(&desk, "suzuki", Role::Approver).await;
    // A question of late, to be read otherwise.
    desk.client.visit().await.say("着地金はまだですか").await;

    open(&editor, &desk).await;
    editor.fill("#try", "着地金の反映を待っています").await;
    editor.click("#try-do").await;
    editor.until("document.querySelector('#try-result .word')").await;
    assert_eq!(
        editor.js("document.querySelectorAll('#try-result mark').length").await,
        0,
        "nothing changed yet"
    );
    editor.fill("#filter", "着金").await;
    editor.until("[...document.querySelectorAll('#rows-synonyms .vocab-row')].filter((row) => !row.hidden).length < 5").await;
    let row = field_of(&editor, "着金").await;
    editor.fill(&row, "、着地金").await;
    editor.until("document.querySelector('#changes').textContent.includes('1行を変更中')").await;
    editor.click("#try-do").await;
    editor.until("[...document.querySelectorAll('#try-result mark')].some((mark) => mark.textContent.includes('着金'))").await;

    editor.click("#look").await;
    editor.until("document.querySelector('#impact .grid')").await;
    let effect = editor.text("#effect").await;
    for expected in
        ["気になるところはありません", "着地金はまだですか", "許容幅を超えて悪くなる指標はありません"]
    {
        assert!(effect.contains(expected), "{expected} in {effect}");
    }
    editor.fill("#reason", "お客さまの言い方").await;
    press(&editor, "#save").await;
    assert!(editor.text(".side").await.contains("改訂中"));
    press(&editor, "[data-act=submit]").await;

    approver.open(&format!("http://{}/staff/review", desk.at)).await;
    let review = approver.text(".review").await;
    assert!(review.contains("着地金") && review.contains("お客さまの言い方"), "{review}");
    press(&approver, "[data-act=approve]").await;
    press_and_agree(&approver, "[data-act=publish]").await;
    let documents = desk.app.export_desk().await.unwrap().documents;
    assert!(documents["synonyms.txt"].contains("着地金"));

    editor.open(&format!("http://{}/staff/vocabulary/history", desk.at)).await;
    let diff = editor.text(".diff").await;
    assert!(diff.contains("着地金"), "{diff}");
    press_and_agree(&editor, "[data-act=roll-back]").await;
    open(&editor, &desk).await;
    assert_eq!(editor.js("document.body.textContent.includes('着地金')").await, false);
    assert!(editor.text(".side").await.contains("改訂中"));
}

#[tokio::test]
async fn wrong_rows_are_named_and_two_who_write_at_once_lose_nothing() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    let one = driver.signed_in(&desk, "sato", Role::Editor).await;
    let other = driver.signed_in(&desk, "tanaka", Role::Editor).await;
    open(&one, &desk).await;
    open(&other, &desk).await;

    // A group of one is refused where it stands.
    one.click("[data-add=synonyms]").await;
    one.keys("孤独なことば").await;
    one.click("#look").await;
    one.until("document.querySelector('#findings .due')").await;
    assert!(one.text("#findings").await.contains("ことばが1つだけの組です"));
    one.click("#findings button").await;
    one.until("document.activeElement.getAttribute('aria-invalid') === 'true'").await;
    one.keys("、ひとりのことば").await;
    press(&one, "#save").await;

    let row = field_of(&other, "着金").await;
    other.fill(&row, "、着地金").await;
    other.click("#save").await;
    other.until("document.querySelector('#stale').open").await;
    let both = other.text("#stale").await;
    assert!(both.contains("孤独なことば") && both.contains("着地金"), "{both}");
    other.click("#stale-merge").await;
    other.until("!document.querySelector('#stale').open").await;
    press(&other, "#save").await;
    let saved = other.js("[...document.querySelectorAll('.cell')].map((cell) => cell.value).join()").await;
    let saved = saved.as_str().unwrap();
    assert!(saved.contains("孤独なことば") && saved.contains("着地金"));
}

#[tokio::test]
async fn a_term_is_written_by_keyboard_alone() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    desk.staff("sato", &[Role::Editor]).await;
    let browser = driver.browser(360, 900).await;
    browser.sign_in(&desk, "sato").await;
    open(&browser, &desk).await;
    browser.js("document.querySelector('#tab-synonyms').focus()").await;
    browser.keys(&char::from(Key::Right).to_string()).await;
    browser
        .until("!document.querySelector('#part-terms').hidden && document.activeElement.id === 'tab-terms'")
        .await;
    browser.js("document.querySelector('[data-add=terms]').focus()").await;
    browser.keys(&enter()).await;
    browser.until("document.activeElement.dataset.cell === 'surface'").await;
    browser.keys(&format!("着地金{0}ちゃくちきん{0}着地 金", tab())).await;
    let control_s = format!("{}s", char::from(Key::Control));
    browser.js("document.documentElement.dataset.old = 'true'").await;
    browser.keys(&control_s).await;
    let page = Locator::Css("html[data-ready=true]:not([data-old])");
    browser.client.wait().at_most(crate::counter::PATIENCE).for_element(page).await.expect("saved");
    let reading = browser.js("[...document.querySelectorAll('[data-cell=reading]')].at(-1).value").await;
    assert_eq!(reading, "チャクチキン");
}

#[tokio::test]
async fn what_is_typed_survives_leaving_the_page() {
    let (desk, driver) = (Counter::open_curated().await, Driver::start().await);
    let editor = driver.signed_in(&desk, "sato", Role::Editor).await;
    open(&editor, &desk).await;
    let row = field_of(&editor, "着金").await;
    editor.fill(&row, "、着地金").await;
    editor.until("document.querySelector('#kept').textContent.includes('控えを取りました')").await;
    // No question is asked on the way out: nothing would be lost.
    editor.open(&format!("http://{}/staff/entries", desk.at)).await;
    open(&editor, &desk).await;
    assert!(editor.text("#kept-notice").await.contains("書きかけ"));
    assert_eq!(
        editor.js("[...document.querySelectorAll('.row-changed .cell')].map((cell) => cell.value.includes('着地金'))").await,
        serde_json::json!([true]),
        "just that row is marked"
    );
    editor.until("document.querySelector('#changes').textContent.includes('1行を変更中')").await;
    press_and_agree(&editor, "#drop-draft").await;
    assert_eq!(
        editor
            .js("[...document.querySelectorAll('.cell')].some((cell) => cell.value.includes('着地金'))")
            .await,
        false
    );
    assert_eq!(editor.js("document.querySelector('#kept-notice')").await, serde_json::Value::Null);
}
