//! The vocabulary over HTTP and without: written, looked at before it is saved, reviewed, published, taken back; and what
//! is said about bad ones. The analyzer is the real one.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use madoguchi::app::Role;
use madoguchi::impact::Case;
use madoguchi::kb::checks::{Reader, check_vocabulary, vocabulary_errors};
use madoguchi::kb::files::{DICTIONARY, SYNONYMS, VocabularyTexts};
use madoguchi::publish::Workshop;
use madoguchi::text::{Analyzer, SynonymGroup, UserTerm, Vocabulary, side_by_side};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::counter::{Answer, Counter, Opening, SignedIn};
use crate::desk::{kb, sample_desk};

const API: &str = "/api/v1/vocabulary";

struct Crew {
    desk: Counter,
    editor: SignedIn,
    approver: SignedIn,
}

impl Crew {
    async fn open(opening: Opening) -> Self {
        let desk = Counter::open_with(Opening { curated: true, ..opening }).await;
        desk.staff("sato", &[Role::Editor]).await;
        desk.staff("suzuki", &[Role::Approver]).await;
        let (editor, approver) = (desk.sign_in("sato").await, desk.sign_in("suzuki").await);
        Self { desk, editor, approver }
    }

    async fn now(&self) -> Value {
        self.editor.get(&self.desk.client, API).await.json()
    }

    async fn write(&self, rest: &str, body: Value) -> Answer {
        self.editor.post(&self.desk.client, &format!("{API}{rest}"), body).await
    }

    async fn approve(&self, rest: &str, body: Value) -> Answer {
        self.approver.post(&self.desk.client, &format!("{API}{rest}"), body).await
    }

    async fn documents(&self) -> [String; 2] {
        let documents = self.desk.app.export_desk().await.unwrap().documents;
        [SYNONYMS, DICTIONARY].map(|name| documents[name].clone())
    }
}

/// The real engine over the sample desk; not tuned to it, so that it is built soon on a busy machine, too.
fn workshop() -> Opening {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let press = Workshop { adapt: false, ..Workshop::in_memory(models).with_fitted(kb().join("fitted")) };
    Opening { press: Arc::new(press), ..Opening::default() }
}

/// `now` with a word added to the group that has `member`.
fn with_word(now: &Value, member: &str, word: &str) -> Value {
    let mut content = now["content"].clone();
    let groups = content["synonyms"].as_array_mut().unwrap();
    let group = groups.iter_mut().find(|group| group.as_array().unwrap().contains(&json!(member))).unwrap();
    group.as_array_mut().unwrap().push(json!(word));
    content
}

fn saving(now: &Value, content: &Value, reason: &str) -> Value {
    let mut body = content.clone();
    body["version"] = now["version"].clone();
    body["reason"] = json!(reason);
    body
}

#[tokio::test]
async fn a_synonym_is_looked_at_saved_approved_published_and_taken_back() {
    let crew = Crew::open(workshop()).await;
    let case = r#"{"id":"c1","question":"着地金の受け方を教えてください","expect":"handoff"}"#;
    let case: Case = serde_json::from_str(case).unwrap();
    crew.desk.app.keep_cases(&[case], "test").await.unwrap();
    let (before, files) = (crew.now().await, crew.documents().await);
    assert_eq!(
        (&before["version"], &before["head"]["origin"], &before["live"]),
        (&json!(1), &json!("imported"), &Value::Null)
    );

    // What it would do, before anything is saved.
    let wanted = with_word(&before, "着金", "着地金");
    let read = json!({"texts": ["着地金はいつですか"], "sampled": true, "vocabulary": wanted});
    let read = crew.write("/tokens", read).await.json();
    assert_eq!((&read["looked_at"], &read["differ"]), (&json!(1), &json!(1)), "{read}");
    let of: Vec<&Value> = read["texts"].as_array().unwrap().iter().map(|text| &text["of"]).collect();
    assert_eq!(of, [&json!("typed"), &json!("case")]);
    let added = read["texts"][0]["then"]["wordings"].as_array().unwrap();
    assert!(
        added.iter().any(|wording| wording["wording"] == "着金" && wording["differs"] == true),
        "{added:?}"
    );
    assert_eq!(read["texts"][0]["now"]["wordings"], json!([]));
    let impact = crew.write("/impact", wanted.clone()).await.json();
    let preview = format!("/api/v1/previews/{}", impact["id"].as_str().unwrap());
    assert_eq!(crew.now().await, before, "looking changes nothing");
    assert_eq!(crew.documents().await, files);

    let saved = crew.write("", saving(&before, &wanted, "「着地金」と言うお客さまがいるため")).await;
    assert_eq!(saved.status, 200, "{}", saved.text());
    let saved = saved.json();
    assert_eq!(
        (&saved["version"], &saved["life"]["status"], &saved["head"]["number"]),
        (&json!(2), &json!("draft"), &json!(2))
    );
    assert_eq!((&saved["content"], &saved["live"]), (&wanted, &before["content"]));
    assert_eq!(crew.documents().await, files, "a draft is not served");
    let late = crew.write("", saving(&before, &before["content"], "")).await;
    assert_eq!((late.status, late.problem().as_str()), (409, "stale_vocabulary"));
    assert_eq!(late.json()["current"], saved, "who was slower sees how it is now");

    // Through review by a second person, and past the gate.
    assert_eq!(crew.approve("/publish", json!({})).await.problem(), "not_in_review");
    assert_eq!(crew.write("/submit", json!({"version": 1})).await.problem(), "stale_vocabulary");
    assert_eq!(crew.write("/submit", json!({"version": 2})).await.json()["life"]["status"], "review");
    assert_eq!(crew.write("/approve", json!({})).await.problem(), "forbidden");
    assert_eq!(crew.approve("/approve", json!({})).await.json()["life"]["approved"], true);
    let state = loop {
        let state = crew.approver.get(&crew.desk.client, &preview).await.json();
        if state["state"] != "running" {
            break state;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&state["state"], &state["cases"], &state["blocked"]),
        (&json!("done"), &json!(1), &json!(false)),
        "{state}"
    );
    let published = crew.approve("/publish", json!({"version": 4})).await;
    assert_eq!(published.status, 200, "{}", published.text());
    assert_eq!(published.json()["live"], Value::Null);
    let served = crew.desk.app.snapshot();
    let has =
        |word: &str| served.vocabulary.synonyms.iter().any(|group| group.members.iter().any(|m| m == word));
    assert!(has("着地金"), "customers' questions are read with it");
    let [synonyms, dictionary] = crew.documents().await;
    let (old, new): (Vec<&str>, Vec<&str>) = (files[0].lines().collect(), synonyms.lines().collect());
    let changed: Vec<&str> = new.iter().filter(|line| !old.contains(line)).copied().collect();
    assert_eq!((changed.len(), new.len()), (1, old.len()), "{changed:?}");
    assert!(changed[0].ends_with("着地金") && dictionary == files[1]);

    // Back to the first, by review again: the files are as they were, byte for byte.
    let history = crew.editor.get(&crew.desk.client, &format!("{API}/history")).await.json();
    let events: Vec<&str> =
        history["log"].as_array().unwrap().iter().rev().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["imported", "saved", "submitted", "approved", "published"]);
    assert_eq!(history["revisions"][0]["reason"], "「着地金」と言うお客さまがいるため");
    let diff = crew.editor.get(&crew.desk.client, &format!("{API}/diff/1/2")).await.json();
    assert_eq!(diff["fields"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&diff["fields"][0]["field"], diff["fields"][0]["lines"].as_array().unwrap().len()),
        (&json!("synonyms"), 2)
    );
    let back = crew.write("/roll-back", json!({"to": 1, "note": "誤りのため"})).await.json();
    assert_eq!((&back["head"]["number"], &back["content"]), (&json!(3), &before["content"]));
    for (step, by_approver) in [("/submit", false), ("/approve", true)] {
        let done =
            if by_approver { crew.approve(step, json!({})).await } else { crew.write(step, json!({})).await };
        assert_eq!(done.status, 200, "{}", done.text());
    }
    assert_eq!(
        crew.approve("/publish", json!({})).await.problem(),
        "not_previewed",
        "another change, another look"
    );
    assert_eq!(crew.approve("/publish", json!({"note": "元に戻すだけ"})).await.status, 200);
    assert_eq!(crew.documents().await, files);
}

#[tokio::test]
async fn who_changed_it_does_not_approve_it_and_files_that_come_past_it_are_taken_over() {
    let crew = Crew::open(Opening::default()).await;
    let before = crew.now().await;
    let wanted = with_word(&before, "着金", "着地金");
    let saved = crew.approve("", saving(&before, &wanted, "")).await;
    assert_eq!(saved.status, 200, "approvers may write, too: {}", saved.text());
    let submitted = crew.approve("/submit", json!({})).await.json();
    assert_eq!(submitted["actions"], json!(["send-back"]));
    assert_eq!(crew.approve("/approve", json!({})).await.problem(), "own_change");
    let waiting = crew.approver.get(&crew.desk.client, "/staff/review").await.text();
    assert!(waiting.contains("着地金"), "it waits on the review page");

    let mut contents = crew.desk.app.export_desk().await.unwrap();
    contents.documents.insert(SYNONYMS.to_owned(), "甲, 乙\n".to_owned());
    crew.desk.app.import_desk(&contents, false).await.unwrap();
    let now = crew.now().await;
    assert_eq!(
        (&now["head"]["origin"], &now["head"]["number"], &now["life"]["live"]),
        (&json!("imported"), &json!(3), &json!(3))
    );
    assert_eq!(now["content"]["synonyms"], json!([["甲", "乙"]]));
    let history = crew.editor.get(&crew.desk.client, &format!("{API}/history")).await.json();
    assert_eq!(history["revisions"].as_array().unwrap().len(), 3, "the buried draft is in the history");
}

#[tokio::test]
async fn what_is_typed_is_kept_for_oneself_until_it_is_saved() {
    let crew = Crew::open(Opening::default()).await;
    let (now, documents) = (crew.now().await, crew.documents().await);
    assert_eq!(now["typing"], Value::Null);
    let revision = now["head"]["number"].clone();
    let typed = |word: &str| {
        let mut body = with_word(&now, "着金", word);
        (body["version"], body["revision"]) = (now["version"].clone(), revision.clone());
        body
    };
    let kept = crew.write("/draft", typed("着地")).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    assert_eq!(crew.write("/draft", typed("着地金")).await.status, 200);
    // Half a row is kept too; what is no revision, or no vocabulary at all, is refused.
    let mut half = typed("着地金");
    half["terms"].as_array_mut().unwrap().push(json!({"surface": "", "reading": "よみ"}));
    assert_eq!(crew.write("/draft", half.clone()).await.status, 200);
    half["revision"] = json!(99);
    assert_eq!(crew.write("/draft", half).await.problem(), "revision_not_found");
    assert_eq!(crew.write("/draft", json!({"version": 1, "revision": 1})).await.problem(), "invalid_body");

    let typing = crew.now().await["typing"].clone();
    assert_eq!((&typing["version"], &typing["revision"]), (&now["version"], &revision));
    assert_eq!(
        (
            &typing["began_from"],
            typing["content"]["terms"].as_array().unwrap().last().unwrap()["reading"].as_str()
        ),
        (&now["content"], Some("よみ"))
    );
    // Nobody else sees it, and no file has it.
    let other = crew.approver.get(&crew.desk.client, API).await.json();
    assert_eq!((&other["typing"], &other["content"]), (&Value::Null, &now["content"]));
    assert_eq!(crew.documents().await, documents);

    // Somebody saves meanwhile: what is typed still says where it began, so that both can be laid side by side.
    let theirs = saving(&now, &with_word(&now, "着金", "着きん"), "先に");
    assert_eq!(crew.approve("", theirs).await.status, 200);
    let typing = crew.now().await["typing"].clone();
    assert_eq!((&typing["version"], &typing["began_from"]), (&now["version"], &now["content"]));
    let mine = saving(&now, &with_word(&now, "着金", "着地金"), "あとから");
    assert_eq!(crew.write("", mine.clone()).await.problem(), "stale_vocabulary");
    assert_ne!(crew.now().await["typing"], Value::Null, "nothing is lost");

    // Saving ends it; so does discarding.
    let newest = crew.now().await;
    let saved = crew.write("", saving(&newest, &with_word(&newest, "着金", "着地金"), "")).await.json();
    assert_eq!(saved["typing"], Value::Null);
    assert_eq!(crew.write("/draft", typed("別")).await.status, 200);
    let headers = [("cookie", crew.editor.cookie.as_str()), ("x-csrf-token", &crew.editor.csrf)];
    let dropped = crew.desk.client.send("DELETE", &format!("{API}/draft"), &headers, b"").await;
    assert_eq!(dropped.status, 204);
    assert_eq!(crew.now().await["typing"], Value::Null);
}

#[tokio::test]
async fn an_unfit_vocabulary_is_named_row_by_row_and_not_saved() {
    let crew = Crew::open(Opening::default()).await;
    let before = crew.now().await;
    let body = |synonyms: Value, terms: Value| json!({"version": before["version"], "synonyms": synonyms, "terms": terms});
    let none = || json!([]);
    for (body, code) in [
        (body(json!([["甲"]]), none()), "lonely"),
        (body(json!([["甲", "乙"], ["丙", "甲"]]), none()), "two_groups"),
        (body(json!([["甲", "乙", "甲"]]), none()), "twice"),
        (body(json!([["甲", "乙#"]]), none()), "unwritable"),
        (body(json!([["甲", "長".repeat(61)]]), none()), "too_much"),
        (body(none(), json!([{"surface": "窓口", "reading": "窓口"}])), "not_kana"),
        (body(none(), json!([{"surface": "", "reading": "マド"}])), "no_surface"),
        (
            body(none(), json!([{"surface": "窓", "reading": "マド"}, {"surface": "窓", "reading": "マド"}])),
            "duplicate_term",
        ),
    ] {
        let answer = crew.write("", body.clone()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "unfit_vocabulary"), "{body}");
        let flaw = &answer.json()["flaws"][0];
        assert_eq!(flaw["code"], code, "{body}");
        assert!(flaw["text"].as_str().is_some_and(|text| text.len() > 10 && !text.contains('{')), "{flaw}");
    }
    for (path, body, code) in [
        ("", json!({}), "invalid_body"),
        ("", json!({"version": 1, "synonyms": [["甲", "乙"]]}), "invalid_body"),
        ("/tokens", json!({"texts": vec!["質問"; 51]}), "invalid"),
        ("/tokens", json!({"texts": ["あ".repeat(3_000)]}), "too_long"),
        ("/roll-back", json!({"to": 9}), "no_such_revision"),
        ("/submit", json!({}), "not_a_draft"),
    ] {
        assert_eq!(crew.write(path, body).await.problem(), code, "{path}");
    }
    for (path, code) in [("/diff/1/9", "revision_not_found"), ("/diff/x/1", "revision_not_found")] {
        assert_eq!(
            crew.editor.get(&crew.desk.client, &format!("{API}{path}")).await.problem(),
            code,
            "{path}"
        );
    }
    let preview = crew.editor.get(&crew.desk.client, "/api/v1/previews/none").await;
    assert_eq!(preview.problem(), "preview_not_found");
    assert_eq!(crew.now().await, before, "nothing of it was saved");
    let hiragana = crew
        .write("", body(none(), json!([{"surface": " 窓口係 ", "reading": "まどぐちがかり"}])))
        .await
        .json();
    assert_eq!(
        hiragana["content"]["terms"][0],
        json!({"surface": "窓口係", "reading": "マドグチガカリ", "parts": [], "pos": ""})
    );
}

#[tokio::test]
async fn many_entries_are_published_after_one_look_at_all_of_them() {
    let crew = Crew::open(Opening::default()).await;
    let case = r#"{"id":"c1","question":"法人でも積立はできますか?","expect":"answer","entries":["two"]}"#;
    let case: Case = serde_json::from_str(case).unwrap();
    crew.desk.app.keep_cases(&[case], "test").await.unwrap();
    let ids = json!(["one", "two", "draft"]);
    for (id, question) in [("one", "積立とは?"), ("two", "法人でも積立はできますか?"), ("draft", "下書き?")]
    {
        let new =
            json!({"id": id, "content": {"question": question, "answer": "はい。", "category": ["取引"]}});
        assert_eq!(crew.editor.post(&crew.desk.client, "/api/v1/entries", new).await.status, 201);
    }
    let bulk = async |staff: &SignedIn, ids: &Value, action: &str, note: &str| {
        let body = json!({"ids": ids, "action": action, "note": note});
        staff.post(&crew.desk.client, "/api/v1/entries/bulk", body).await.json()
    };
    let look = async |ids: &Value| {
        crew.approver.post(&crew.desk.client, "/api/v1/previews", json!({"entries": ids})).await
    };
    assert_eq!(look(&ids).await.problem(), "nothing_to_publish");
    let two = json!(["one", "two"]);
    bulk(&crew.editor, &two, "submit", "").await;
    bulk(&crew.approver, &two, "approve", "").await;
    let refused = bulk(&crew.approver, &ids, "publish", "").await;
    let codes: Vec<&Value> =
        refused["results"].as_array().unwrap().iter().map(|result| &result["code"]).collect();
    assert_eq!(codes, [&json!("not_previewed"), &json!("not_previewed"), &json!("not_in_review")]);
    let mut state = look(&ids).await.json();
    let path = format!("/api/v1/previews/{}", state["id"].as_str().unwrap());
    while state["state"] == "running" {
        state = crew.approver.get(&crew.desk.client, &path).await.json();
    }
    assert_eq!((&state["state"], &state["blocked"]), (&json!("done"), &json!(false)), "{state}");
    assert_eq!(state["changed_cases"][0]["after"], "answer two");
    let done = bulk(&crew.approver, &ids, "publish", "").await;
    let done: Vec<&Value> =
        done["results"].as_array().unwrap().iter().map(|result| &result["done"]).collect();
    assert_eq!(done, [&json!(true), &json!(true), &json!(false)]);
    let heard = crew.desk.client.visit().await.say("法人でも積立はできますか?").await;
    assert_eq!(heard["answer"]["entry_id"], "two");
}

// ---- what is doubtful ----

fn analyzer(vocabulary: &Vocabulary) -> Analyzer {
    Analyzer::open(&crate::dictionary(), vocabulary).unwrap()
}

fn group(members: &[&str]) -> SynonymGroup {
    SynonymGroup { members: members.iter().map(|word| (*word).to_owned()).collect() }
}

fn term(surface: &str, reading: &str, parts: &[&str]) -> UserTerm {
    let parts = parts.iter().map(|part| (*part).to_owned()).collect();
    UserTerm { surface: surface.into(), reading: reading.into(), parts, pos: "名詞".into() }
}

/// What is said about one new row among questions of which most are about 口座, as `kind word other`.
#[track_caller]
fn check(add: impl Fn(&mut Vocabulary), expect: &[&str]) {
    let before = Vocabulary { synonyms: vec![group(&["出金", "引き出し"])], terms: Vec::new() };
    let mut after = before.clone();
    add(&mut after);
    let questions = ["口座の残高は?", "口座を閉じたい", "口座開設の日数は?", "手数料はいくら?"];
    let texts: Vec<String> = questions.iter().cycle().take(60).map(|text| (*text).to_owned()).collect();
    let (plain, with) = (analyzer(&Vocabulary::default()), analyzer(&after));
    let found = check_vocabulary(&after, &before, &Reader { plain: &plain, with: &with, texts: &texts });
    let found: Vec<String> =
        found.iter().map(|f| format!("{} {} {}", f.kind.name(), f.word, f.other).trim().to_owned()).collect();
    assert_eq!(found, expect);
}

#[test]
fn every_doubt_about_a_row_is_named() {
    check(|_| {}, &[]);
    check(|v| v.synonyms.push(group(&["送付", "送ること"])), &[]);
    check(|v| v.synonyms.push(group(&["口座", "アカウント"])), &["frequent 口座 75"]);
    check(|v| v.synonyms.push(group(&["引出し", "払い戻し"])), &["same_elsewhere 引出し 出金、引き出し"]);
    check(
        |v| v.synonyms.push(group(&["申込み", "申し込み", "エントリー"])),
        &["same_reading 申し込み 申込み"],
    );
    check(|v| v.synonyms.push(group(&["出金", "払出"])), &["two_groups 出金 出金、引き出し"]);
    check(|v| v.synonyms.push(group(&["ＦＸ", "fx"])), &["twice fx"]);
    check(|v| v.terms.push(term("口座開設", "コウザカイセツ", &[])), &["swallows 口座開設 口座"]);
    check(|v| v.terms.push(term("口座開設", "コウザカイセツ", &["口座", "開設"])), &[]);
    check(|v| v.terms.push(term("手数料", "テスウリョウ", &[])), &[]);
    check(|v| v.terms.push(term("残高", "ザンダカ", &[])), &["changes_nothing 残高"]);
    check(|v| v.terms.push(term("窓口係", "マド口", &[])), &["not_kana 窓口係 マド口"]);
}

#[test]
fn the_sample_desks_vocabulary_has_no_errors() {
    let desk = sample_desk();
    let found = vocabulary_errors(&desk.vocabulary);
    assert_eq!(found, []);
    let documents = [SYNONYMS, DICTIONARY]
        .map(|name| (name.to_owned(), std::fs::read_to_string(kb().join(name)).unwrap()));
    let texts = VocabularyTexts::of(&documents.into());
    assert_eq!(texts.vocabulary(), desk.vocabulary);
    assert_eq!(texts.saying(&desk.vocabulary), texts, "saying the same leaves every byte alone");
}

/// Analyzers of some vocabularies, made once.
fn analyzers() -> &'static [Analyzer] {
    static ANALYZERS: OnceLock<Vec<Analyzer>> = OnceLock::new();
    ANALYZERS.get_or_init(|| {
        let own = Vocabulary {
            synonyms: vec![group(&["口座", "アカウント"]), group(&["手数料", "費用"])],
            terms: vec![term("口座開設", "コウザカイセツ", &["口座"]), term("手数", "テスウ", &[])],
        };
        vec![analyzer(&Vocabulary::default()), analyzer(&own), analyzer(&sample_desk().vocabulary)]
    })
}

proptest! {
    /// Each side has the words of its analyzer in order; a mark is there exactly if the two differ; a text beside itself
    /// has none.
    #[test]
    fn two_readings_of_a_text_are_marked_where_they_differ(
        text in "(口座|開設|手数料|費用|出金|の|を|は|[?]|。| |[a-z]{1,4}|[ぁ-んァ-ヴ一-龠]){0,8}",
        one in 0..3_usize,
        other in 0..3_usize,
    ) {
        let [one, other] = [one, other].map(|index| analyzers()[index].analyze(&text));
        let [now, then] = side_by_side(&one, &other);
        for (read, analysis) in [(&now, &one), (&then, &other)] {
            let words: Vec<&str> = read.words.iter().map(|word| word.surface.as_str()).collect();
            let tokens: Vec<&str> = analysis.tokens.iter().map(|token| token.surface.as_str()).collect();
            prop_assert_eq!(words, tokens);
        }
        let shape = |analysis: &madoguchi::text::Analysis| {
            let tokens = analysis.tokens.iter();
            let tokens = tokens.map(|token| (token.start, token.end, token.term.clone(), token.parts.clone(), token.content));
            let mut wordings: Vec<(usize, usize, String)> = Vec::new();
            for expansion in &analysis.expansions {
                let (first, last) = (expansion.from.start, expansion.from.end - 1);
                let (start, end) = (analysis.tokens[first].start, analysis.tokens[last].end);
                wordings.extend(expansion.alternatives.iter().map(|words| (start, end, words.join(" "))));
            }
            wordings.sort();
            (tokens.collect::<Vec<_>>(), wordings)
        };
        prop_assert_eq!(shape(&one) != shape(&other), now.differs() || then.differs());
        prop_assert!(side_by_side(&one, &one).iter().all(|read| !read.differs()));
    }
}
