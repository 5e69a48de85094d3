use jiff::civil::Date;
use proptest::prelude::*;

use super::plan::Shelf;
use super::*;
use crate::kb::{AnswerClass, Audience, Language, Status};
use crate::text::{SynonymGroup, Vocabulary};

fn shelf(held: impl IntoIterator<Item = Held>) -> Shelf {
    held.into_iter().map(|held| (held.entry.id.clone(), held)).collect()
}

fn source(name: &str, text: &str) -> Source {
    read(name, text.as_bytes(), "").expect("readable")
}

fn rows(name: &str, text: &str) -> Reading {
    let source = source(name, text);
    source.rows(&source.mapping, &Defaults::default())
}

fn kinds(issues: &[Issue]) -> Vec<IssueKind> {
    issues.iter().map(|issue| issue.kind).collect()
}

#[test]
fn rows_are_taken_or_refused_with_every_reason() {
    let text = "ID,外部ID,カテゴリ1,質問,類似質問,回答,状態,公開開始,公開終了\n\
                fee,,料金,手数料は？,\"いくら\nいくら\n手数料は？\",440円です。,公開,2026/4/1,令和9年3月31日\n\
                FEE,,料金,,,,保留,4月1日,\n\
                fee,,料金,別の質問,,答え,,,\n\
                ,x1,,What is the fee?,,440 yen.,draft,2026-04-02,2026-04-01\n\
                a,b,c,d,e,f,,,,多すぎる\n";
    let reading = rows("faq.csv", text);
    let row = &reading.rows[0];
    assert_eq!((row.number, row.external_id.as_str()), (2, "fee"));
    assert_eq!(row.entry.phrasings, ["いくら"]);
    assert_eq!(row.entry.valid_until, Some(Date::constant(2027, 3, 31)));
    assert_eq!(kinds(&row.warnings), [IssueKind::Repeated, IssueKind::Repeated]);
    let refused: Vec<(usize, Vec<IssueKind>)> =
        reading.rejected.iter().map(|row| (row.number, kinds(&row.issues))).collect();
    use IssueKind::{BadDate, BadId, BadValue, Duplicate, EndsBeforeStart, Missing, WrongWidth};
    assert_eq!(
        refused,
        [
            (5, vec![Missing, Missing, BadDate, BadId, BadValue]),
            (6, vec![Duplicate]),
            (7, vec![EndsBeforeStart]),
            (8, vec![WrongWidth]),
        ]
    );
    assert_eq!(reading.rejected[0].cells[6], "保留");
}

#[test]
fn two_columns_get_a_stable_id_and_the_language_of_their_text() {
    let first = rows("a.csv", "question,answer\n手数料は？,440円\nHow much?,440 yen\n");
    assert_eq!(first.rows[1].entry.language, Language::En);
    let again = rows("b.csv", "question,answer\n 手数料は?,450円\n");
    assert_eq!(first.rows[0].external_id, again.rows[0].external_id);
    assert_eq!(first.rows[0].entry.category, ["未分類"]);
}

#[test]
fn qna_maker_rows_of_one_id_become_one_entry() {
    let text = "Question\tAnswer\tSource\tMetadata\tSuggestedQuestions\tIsContextOnly\tPrompts\tQnaId\n\
        出金の手数料は？\t440円です。\\n**一律**です。\thttps://a.example/faq\tcategory:出金|product:app|system_x:1\t[\"いくらかかる\"]\tFalse\t[{\"DisplayOrder\":0,\"DisplayText\":\"時間\",\"QnaId\":7}]\t5\n\
        振込料は\t440円です。\\n**一律**です。\tEditorial\t\t[]\tFalse\t[]\t5\n\
        何日かかる？\t翌営業日です。<br/>\tEditorial\t\t[]\tTrue\t[]\t7\n";
    let source = source("kb.tsv", text);
    assert_eq!(source.format, Format::QnaMaker);
    let plan = Plan::of(&Shelf::new(), source.rows(&source.mapping, &Defaults::default()));
    let [fee, time] = &plan.planned[..] else { panic!("{plan:?}") };
    assert_eq!(fee.entry.answer, "440円です。\n**一律**です。");
    assert_eq!(fee.entry.phrasings, ["いくらかかる", "振込料は"]);
    assert_eq!((fee.entry.category[0].as_str(), fee.entry.keywords.join(",")), ("出金", "app".to_owned()));
    assert_eq!(fee.entry.follow_ups, std::slice::from_ref(&time.entry.id));
    assert_eq!(fee.entry.sources, ["https://a.example/faq"]);
    assert_eq!(time.entry.answer, "翌営業日です。");
    assert!(kinds(&time.warnings).contains(&IssueKind::ContextOnly));
}

#[test]
fn rasa_intents_meet_their_responses() {
    let text = "version: \"3.1\"\nnlu:\n- intent: faq/fee\n  examples: |\n    - [出金](action)の手数料は？\n    - いくら？\n- synonym: 出金\n  examples: |\n    - 引き出し\n- intent: greet\n  examples: |\n    - こんにちは\nresponses:\n  utter_faq/fee:\n  - text: 440円です。\n  - text: 一律440円です。\n  utter_bye:\n  - text: さようなら\n";
    let reading = rows("domain.yml", text);
    let fee = &reading.rows[0];
    assert_eq!((fee.entry.question.as_str(), fee.entry.answer.as_str()), ("出金の手数料は？", "440円です。"));
    assert_eq!(fee.entry.phrasings, ["いくら？"]);
    assert_eq!(fee.warnings[0].value, "一律440円です。");
    let missing: Vec<Field> = reading.rejected.iter().map(|row| row.issues[0].field).collect();
    assert_eq!(missing, [Field::Answer, Field::Question]);
}

#[test]
fn zendesk_articles_become_markdown_and_translations_find_their_original() {
    let text = r#"{"articles":[
        {"id":360001,"title":"手数料","body":"<p>出金は<strong>440円</strong>です。</p><ul><li>一律</li></ul><script>alert(1)</script>","locale":"ja","label_names":["料金"],"html_url":"https://z.example/1","draft":false},
        {"id":360001,"title":"Fees","body":"<p>440 yen.</p>","locale":"en-us","draft":true},
        {"id":360002,"title":"","body":"x","locale":"ja"}]}"#;
    let plan = Plan::of(&Shelf::new(), rows("articles.json", text));
    let [ja, en] = &plan.planned[..] else { panic!("{plan:?}") };
    assert!(ja.entry.answer.contains("**440円**") && ja.entry.answer.contains("一律"));
    assert!(!ja.entry.answer.contains("alert"), "{}", ja.entry.answer);
    assert_eq!(en.entry.id, format!("{}.en", ja.entry.id));
    assert_eq!(en.entry.translation_of.as_deref(), Some(ja.entry.id.as_str()));
    assert_eq!(plan.rejected[0].number, 3);
}

#[test]
fn faq_pages_are_read_from_json_and_from_html() {
    let json = r#"{"@context":"https://schema.org","@type":"FAQPage","inLanguage":"ja","mainEntity":[
        {"@type":"Question","name":"手数料は？","acceptedAnswer":{"@type":"Answer","text":"<b>440円</b>です。"}},
        {"@type":["Question"],"name":"時間は？","acceptedAnswer":[{"@type":"Answer","text":"翌日 a<b です"}]}]}"#;
    let page = format!("<!doctype html><script type=\"application/ld+json\">{json}</script>");
    for (name, text) in [("faq.json", json), ("faq.html", page.as_str())] {
        let reading = rows(name, text);
        assert_eq!(reading.rows[0].entry.answer, "**440円**です。");
        assert_eq!(reading.rows[1].entry.answer, "翌日 a<b です");
    }
}

#[test]
fn what_is_no_faq_is_refused_in_words() {
    let code = |name: &str, text: &str| read(name, text.as_bytes(), "").expect_err("refused").code();
    assert_eq!(code("a.json", "{\"a\":1}"), "unknown_format");
    assert_eq!(code("a.json", "{"), "malformed");
    assert_eq!(code("a.html", "<p>nothing</p>"), "unknown_format");
    assert_eq!(code("a.yml", "nlu: [\n"), "malformed");
    assert_eq!(code("a.yml", "version: 3\n"), "no_question");
    assert_eq!(code("a.csv", ""), "empty");
    let bomb = format!("a: &a [x,x,x,x,x,x,x,x]\n{}", (0..9).map(|i| {
        let before = if i == 0 { "a".into() } else { format!("b{}", i - 1) };
        format!("b{i}: &b{i} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n")
    }).collect::<String>());
    assert_eq!(code("bomb.yml", &bomb), "malformed");
    let deep = "[".repeat(100_000);
    assert_eq!(code("deep.json", &deep), "malformed");
}

#[test]
fn a_file_with_few_columns_leaves_the_other_fields_alone() {
    let entry = Entry {
        id: "fee".into(),
        question: "手数料は？".into(),
        answer: "440円".into(),
        owner: "料金チーム".into(),
        status: Status::Published,
        revision: 4,
        category: vec!["料金".into()],
        ..Entry::default()
    };
    let mut desk = shelf([Held { entry, external_id: None }]);
    let plan = Plan::of(&desk, rows("a.csv", "ID,質問,回答,状態\nfee,手数料は？,450円,下書き\n"));
    assert_eq!(plan.planned[0].action, Action::Update { changed: vec![Field::Answer] });
    assert_eq!(kinds(&plan.planned[0].warnings), [IssueKind::StatusIgnored]);
    let undo = plan.apply(&mut desk);
    let after = &desk["fee"].entry;
    assert_eq!((after.owner.as_str(), after.answer.as_str()), ("料金チーム", "450円"));
    assert_eq!((after.revision, after.status), (5, Status::Published));
    undo.apply(&mut desk);
    assert_eq!(desk["fee"].entry.answer, "440円");
}

#[test]
fn an_external_id_of_another_entry_is_a_conflict() {
    let held = |id: &str, external: &str| Held {
        entry: Entry { id: id.into(), question: id.into(), ..Entry::default() },
        external_id: Some(external.into()),
    };
    let desk = shelf([held("a", "1"), held("b", "2")]);
    let plan = Plan::of(&desk, rows("a.csv", "ID,外部ID,質問,回答\na,2,x,y\nb,9,x,y\n,1,x,y\n"));
    assert_eq!(plan.rejected.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(plan.rejected[0].issues[0].kind, IssueKind::Conflict);
    assert_eq!(plan.planned[0].entry.id, "a");
}

fn synonyms(text: &str, held: &[&[&str]]) -> SynonymPlan {
    let source = source("s.csv", text);
    assert_eq!(source.format, Format::Synonyms);
    SynonymPlan::of(&source.table, &vocabulary_of(held))
}

fn vocabulary_of(groups: &[&[&str]]) -> Vocabulary {
    let group = |words: &&[&str]| SynonymGroup { members: words.iter().map(|word| (*word).into()).collect() };
    Vocabulary { synonyms: groups.iter().map(group).collect(), terms: Vec::new() }
}

#[test]
fn rows_of_synonyms_are_taken_or_refused_with_the_reason() {
    let text = "代表語,同義語,読み,範囲\n\
                出金,引き出し、払い戻し,シュッキン,全体\n\
                入金,,,\n\
                払い戻し,返金,,\n\
                口座,アカウント,,法人\n\
                税金,税,,\n\
                手数料,手数料、料金,,\n\
                株,かぶ,,,多すぎる\n\
                本人確認,KYC\n";
    let held: &[&[&str]] = &[&["引き出し", "引出"], &["本人確認", "KYC"], &["税金", "税", "納税"]];
    let plan = synonyms(text, held);
    let planned: Vec<(usize, &GroupAction)> =
        plan.planned.iter().map(|row| (row.number, &row.action)).collect();
    let before =
        |words: &[&str]| GroupAction::Update { before: words.iter().map(|word| (*word).into()).collect() };
    assert_eq!(planned, [(2, &before(held[0])), (6, &before(held[2])), (9, &GroupAction::Unchanged)]);
    assert_eq!(plan.planned[0].reading.as_deref(), Some("シュッキン"), "the dictionary does not have it");
    let refused: Vec<(usize, &str)> =
        plan.rejected.iter().map(|row| (row.number, row.problem.code())).collect();
    assert_eq!(refused, [(3, "lonely"), (4, "taken"), (5, "scope"), (7, "twice"), (8, "wrong_width")]);
    let expected: &[&[&str]] = &[&["出金", "引き出し", "払い戻し"], &["本人確認", "KYC"], &["税金", "税"]];
    assert_eq!(plan.vocabulary, vocabulary_of(expected));
    assert_eq!(plan.counts(), (0, 2, 1));
}

#[test]
fn words_of_two_groups_are_refused_unless_another_row_sets_them_free() {
    let held: &[&[&str]] = &[&["出金", "引き出し"], &["払い戻し", "返金"]];
    let plan = synonyms("代表語,同義語\n出金,払い戻し\n", held);
    assert_eq!(plan.planned, []);
    let SynonymProblem::Between(groups) = &plan.rejected[0].problem else { panic!("{:?}", plan.rejected) };
    assert_eq!(groups, &["出金、引き出し", "払い戻し、返金"]);
    assert_eq!(plan.vocabulary, vocabulary_of(held));
    let plan = synonyms("代表語,同義語\n出金,払い戻し\n返金,キャンセル\n", held);
    assert_eq!(plan.rejected, []);
    assert_eq!(plan.vocabulary, vocabulary_of(&[&["出金", "払い戻し"], &["返金", "キャンセル"]]));
}

#[test]
fn a_native_workbook_holds_the_synonyms_beside_the_entries() {
    let held: &[&[&str]] = &[&["=出金", "引;出"], &["入金", "チャージ", "@top"]];
    let entry = Entry { id: "fee".into(), question: "手数料は?".into(), ..Entry::default() };
    let bytes =
        write::xlsx(&[Held { entry, external_id: None }], &vocabulary_of(held), false).expect("written");
    let first = read("a.xlsx", &bytes, "").expect("readable");
    assert_eq!(first.format, Format::Sheet);
    let beside = synonyms_beside("a.xlsx", &bytes, &first).expect("it has synonyms");
    assert_eq!(SynonymPlan::of(&beside.table, &Vocabulary::default()).vocabulary, vocabulary_of(held));
    let bytes = write::xlsx(&[], &Vocabulary::default(), false).expect("written");
    let first = read("a.xlsx", &bytes, "").expect("readable");
    assert_eq!(synonyms_beside("a.xlsx", &bytes, &first), None, "an empty sheet is nothing to take over");
}

#[test]
fn rejected_rows_go_out_with_their_reasons_and_come_back_in() {
    let source = source("a.csv", "質問,回答\n=cmd(),\n");
    let reading = source.rows(&source.mapping, &Defaults::default());
    let rejected =
        reading.rejected.iter().map(|row| (row.number, row.cells.as_slice(), "回答が空です".to_owned()));
    let bytes = write::rejected_csv(&source.table.header, ["行", "理由"], rejected);
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    assert_eq!(text, "\u{feff}行,理由,質問,回答\r\n2,回答が空です,'=cmd(),\r\n");
    let again = read("rejected.csv", &bytes, "").expect("readable");
    assert!(again.mapping.is_complete());
}

const TEXT: &str = "[a-zA-Zぁ-んァ-ヶ一-龠、。,;|\"'=+@＝＋－＠?？ -]{0,12}[a-zぁ-ん一-龠]";

fn word() -> impl Strategy<Value = String> {
    TEXT.prop_map(|text| text.trim().to_owned())
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(word(), 0..4).prop_map(|words| {
        let mut kept: Vec<String> = Vec::new();
        words.into_iter().for_each(|word| {
            if !kept.contains(&word) {
                kept.push(word)
            }
        });
        kept
    })
}

fn day() -> impl Strategy<Value = Option<Date>> {
    prop::option::of((2000i16..2100, 1i8..13, 1i8..29).prop_map(|(y, m, d)| Date::constant(y, m, d)))
}

prop_compose! {
    fn entry()(
        texts in (word(), words(), prop::collection::vec(word(), 1..4), words(), word()),
        category in prop::collection::vec(word(), 1..4),
        kinds in (0usize..4, 0usize..4, 0usize..3, any::<bool>()),
        days in (day(), day(), day()),
        sources in words(),
        revision in 1u32..50,
    ) -> Entry {
        let (question, mut phrasings, answer, keywords, owner) = texts;
        phrasings.retain(|phrasing| *phrasing != question);
        Entry {
            category, question, phrasings, keywords, owner, sources, revision,
            answer: answer.join("\n\n"),
            status: [Status::Draft, Status::Review, Status::Published, Status::Archived][kinds.0],
            answer_class:
                [AnswerClass::General, AnswerClass::Procedure, AnswerClass::Regulated, AnswerClass::Emergency][kinds.1],
            audience: [Audience::All, Audience::Individual, Audience::Corporate][kinds.2],
            language: if kinds.3 { Language::En } else { Language::Ja },
            valid_from: days.0, reviewed: days.1, review_by: days.2,
            ..Entry::default()
        }
    }
}

/// Entries with ids, external ids and links between them.
fn desk() -> impl Strategy<Value = Vec<Held>> {
    prop::collection::vec((entry(), any::<bool>(), 0usize..5), 1..5).prop_map(|entries| {
        let count = entries.len();
        let held = |(number, (mut entry, external, link)): (usize, (Entry, bool, usize))| {
            entry.id = format!("e-{number}");
            entry.related =
                if link < count && link != number { vec![format!("e-{link}")] } else { Vec::new() };
            entry.follow_ups = entry.related.clone();
            Held { entry, external_id: external.then(|| format!("外-{number}")) }
        };
        entries.into_iter().enumerate().map(held).collect()
    })
}

fn back(name: &str, bytes: &[u8]) -> Vec<Held> {
    let source = read(name, bytes, "FAQ").expect("readable");
    let reading = source.rows(&source.mapping, &Defaults::default());
    assert_eq!(reading.rejected, [], "{name}");
    let held = |row: Row| Held {
        external_id: Some(row.external_id).filter(|external| *external != row.entry.id),
        entry: row.entry,
    };
    reading.rows.into_iter().map(held).collect()
}

/// Groups that may be stored: no word is in two of them.
fn groups() -> impl Strategy<Value = Vocabulary> {
    let word = "[a-zA-Zぁ-んァ-ヶ一-龠;|'=+@＝＋－＠ -]{0,8}[a-zぁ-ん一-龠]"
        .prop_map(|word: String| word.trim().to_owned());
    prop::collection::vec(prop::collection::vec(word, 2..5), 0..6).prop_map(|groups| {
        let mut seen = std::collections::HashSet::new();
        let mut vocabulary = Vocabulary::default();
        for mut members in groups {
            members.retain(|word| seen.insert(crate::text::normalize(word)));
            vocabulary.synonyms.push(SynonymGroup { members });
        }
        vocabulary.synonyms.retain(|group| group.members.len() > 1);
        vocabulary
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exported_synonyms_are_those_imported_and_twice_is_once(
        desk in groups(), other in groups(), english in any::<bool>(),
    ) {
        let bytes = write::xlsx(&[], &desk, english).expect("short cells");
        let table = Table::read("a.xlsx", &bytes, "同義語").expect("readable");
        prop_assert_eq!(&SynonymPlan::of(&table, &Vocabulary::default()).vocabulary, &desk);
        let same = SynonymPlan::of(&table, &desk);
        prop_assert_eq!((&same.vocabulary, same.counts(), same.rejected.len()), (&desk, (0, 0, desk.synonyms.len()), 0));
        // Over another desk: what the first time takes over, the second time leaves alone.
        let once = SynonymPlan::of(&table, &other);
        prop_assert_eq!(crate::kb::checks::vocabulary_errors(&once.vocabulary), []);
        let twice = SynonymPlan::of(&table, &once.vocabulary);
        prop_assert_eq!((twice.counts().0, twice.counts().1), (0, 0));
        prop_assert_eq!(&twice.vocabulary, &once.vocabulary);
    }

    #[test]
    fn what_is_exported_is_what_is_imported(desk in desk(), english in any::<bool>()) {
        prop_assert_eq!(&back("faq.csv", &write::csv(&desk, english)), &desk);
        prop_assert_eq!(&back("faq.json", write::json(&desk).as_bytes()), &desk);
        let bytes = write::xlsx(&desk, &Default::default(), english).expect("short cells");
        prop_assert_eq!(&back("faq.xlsx", &bytes), &desk);
    }

    #[test]
    fn importing_twice_is_importing_once_and_undo_brings_back(
        before in desk(), rows in desk(), with_id in any::<bool>(),
    ) {
        let before = shelf(before);
        let rows = rows.into_iter().enumerate().map(|(number, mut held)| {
            if !with_id { held.entry.id = String::new(); }
            Row {
                number,
                external_id: held.external_id.unwrap_or_else(|| format!("e-{number}")),
                entry: held.entry,
                given: Field::all().collect(),
                warnings: Vec::new(),
            }
        });
        let reading = Reading { rows: rows.collect(), rejected: Vec::new() };
        let mut once = before.clone();
        let undo = Plan::of(&before, reading.clone()).apply(&mut once);
        let again = Plan::of(&once, reading);
        prop_assert_eq!((again.counts().0, again.counts().1), (0, 0), "{:?}", again);
        let mut twice = once.clone();
        again.apply(&mut twice);
        prop_assert_eq!(&twice, &once);
        undo.apply(&mut once);
        prop_assert_eq!(once, before);
    }

    #[test]
    fn taking_over_never_publishes(before in desk(), rows in desk()) {
        let before = shelf(before);
        let rows = rows.into_iter().enumerate().map(|(number, held)| Row {
            number, external_id: format!("x{number}"), entry: held.entry, given: Field::all().collect(), warnings: vec![],
        });
        let reading = Reading { rows: rows.collect(), rejected: Vec::new() };
        for planned in Plan::of(&before, reading).planned {
            let was = before.get(&planned.entry.id).map_or(Status::Draft, |held| held.entry.status);
            let was = if was == Status::Archived { Status::Draft } else { was };
            prop_assert_eq!(planned.entry.status, was);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(
        text in "[\\[\\]{}\",:a-z質問回答0-9\n\t\\\\ &*!|>-]{0,200}", kind in 0usize..4,
    ) {
        let name = ["x.csv", "x.json", "x.yml", "x.tsv"][kind];
        if let Ok(source) = read(name, text.as_bytes(), "") {
            let columns = (0..source.table.header.len().min(23)).zip(Field::all());
            let mapping = Mapping(columns.map(|(column, field)| (field, column)).collect());
            let reading = source.rows(&mapping, &Defaults::default());
            prop_assert_eq!(
                reading.rows.len() + reading.rejected.len(), source.table.rows.len() + source.table.wrong.len());
        }
    }
}
