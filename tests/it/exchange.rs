//! Import, gap board and the gate before publishing, without HTTP. Customers are asked through the same app.

use madoguchi::app::{
    Access, Action, AppError, ExportFormat, GapAction, ImportSettings, ImportView, PreviewState, RejectedFor,
    SaveEntry,
};
use madoguchi::impact::Case;
use madoguchi::kb::exchange::{Defaults, Mapping};
use madoguchi::kb::{Entry, Status};

use crate::curation::{Desk, code, fee};

const FILE: &str = "外部ID,カテゴリ1,質問,類似質問(1行1件),回答(Markdown),公開開始\n\
    k1,入出金,入金の方法は?,\"どうやって入金\n入金したい\",「入金」からお手続きください。,2026-04-01\n\
    k2,入出金,,,質問がありません。,\n\
    k3,口座,口座開設の日数は?,,最短で翌営業日です。,いつか\n\
    k4,口座,口座を閉じたい,,「退会」からお手続きください。,\n";

async fn give(desk: &Desk, text: &str) -> ImportView {
    desk.app.give_import(&desk.editor, "faq.csv", text.as_bytes().to_vec(), "").await.unwrap()
}

async fn heads(desk: &Desk) -> Vec<(String, Status)> {
    let bytes = desk.app.export_entries(&desk.editor, ExportFormat::Json, false).await.unwrap();
    let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let entry = |entry: &serde_json::Value| {
        let entry: Entry = serde_json::from_value(entry.clone()).unwrap();
        (entry.question, entry.status)
    };
    file["entries"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn an_import_names_bad_rows_makes_drafts_and_can_be_taken_back() {
    let desk = Desk::open().await;
    let view = give(&desk, FILE).await;
    assert_eq!((view.plan.counts(), view.plan.rejected.len()), ((2, 0, 0), 2));
    assert_eq!(heads(&desk).await, [], "reading takes nothing over");
    let reasons = String::from_utf8(view.rejected_csv(["行", "理由"], |row| match row.why {
        RejectedFor::Entry(issues) => format!("{:?}", issues[0].kind),
        RejectedFor::Synonyms(problem) => problem.code().to_owned(),
    }));
    let reasons = reasons.unwrap();
    assert!(reasons.contains("4,Missing,k2") && reasons.contains("5,BadDate,k3"), "{reasons}");

    let applied = desk.app.apply_import(&desk.editor, &view.record.id).await.unwrap();
    assert_eq!((applied.outcome.created.len(), applied.outcome.rejected), (2, 2));
    assert!(heads(&desk).await.iter().all(|(_, status)| *status == Status::Draft));
    assert_eq!(desk.hears("入金の方法は?").await, None, "what is imported is not served");
    assert_eq!(code(desk.app.apply_import(&desk.editor, &view.record.id).await), "import_not_ready");

    // The same file again changes nothing.
    let again = give(&desk, FILE).await;
    assert_eq!(again.plan.counts(), (0, 0, 2));
    let again = desk.app.apply_import(&desk.editor, &again.record.id).await.unwrap();
    assert_eq!((again.outcome.created.len(), again.outcome.unchanged), (0, 2));

    // Somebody writes on one of them; undoing leaves that one alone.
    let id = applied.outcome.created[1].clone();
    let known = desk.app.entry(&desk.editor, &id).await.unwrap();
    let content = Entry { answer: "書き直しました。".into(), ..known.head.content };
    desk.save(known.record.version, content).await.unwrap();
    let undone = desk.app.undo_import(&desk.editor, &view.record.id).await.unwrap();
    assert_eq!(undone.outcome.kept, [id]);
    let after = heads(&desk).await;
    assert_eq!(after.iter().filter(|(_, status)| *status == Status::Archived).count(), 1);
    assert_eq!(code(desk.app.undo_import(&desk.editor, &view.record.id).await), "import_not_applied");

    // What was taken back can be taken over once more.
    let third = give(&desk, FILE).await;
    let third = desk.app.apply_import(&desk.editor, &third.record.id).await.unwrap();
    assert_eq!(third.outcome.refused, []);
    assert!(heads(&desk).await.iter().all(|(_, status)| *status == Status::Draft));
}

#[tokio::test]
async fn an_import_that_changes_a_published_entry_leaves_customers_with_what_was_approved() {
    let desk = Desk::open().await;
    desk.save(0, fee("440円です。")).await.unwrap();
    desk.publish().await;
    let view = give(&desk, "ID,質問,回答,状態\nfee,手数料は?,550円です。,公開\n").await;
    assert_eq!(view.plan.counts(), (0, 1, 0));
    desk.app.apply_import(&desk.editor, &view.record.id).await.unwrap();
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"));
    let changed = desk.app.entry(&desk.editor, "fee").await.unwrap();
    assert_eq!(changed.head.content.answer, "550円です。");
    assert_eq!(changed.head.content.owner, "入出金チーム", "columns the file lacks are left alone");
    desk.app.undo_import(&desk.editor, &view.record.id).await.unwrap();
    let back = desk.app.entry(&desk.editor, "fee").await.unwrap();
    assert_eq!((back.head.content.answer.as_str(), back.head.number), ("440円です。", 3));
}

#[tokio::test]
async fn columns_can_be_chosen_and_what_is_no_file_is_refused() {
    let desk = Desk::open().await;
    let view = give(&desk, "とい,こたえ\n手数料は?,440円\n").await;
    assert_eq!(view.plan.counts(), (0, 0, 0));
    let mut mapping = Mapping::default();
    mapping.0.insert(madoguchi::kb::exchange::Field::Question, 0);
    mapping.0.insert(madoguchi::kb::exchange::Field::Answer, 1);
    let defaults = Defaults { category: vec!["料金".into()], ..Defaults::default() };
    let settings = ImportSettings { mapping, defaults, synonyms: None };
    let view = desk.app.set_import(&desk.editor, &view.record.id, settings.clone()).await.unwrap();
    assert_eq!(view.plan.planned[0].entry.category, ["料金"]);
    let nowhere =
        ImportSettings { defaults: Defaults { category: vec![], ..Defaults::default() }, ..settings };
    assert_eq!(code(desk.app.set_import(&desk.editor, &view.record.id, nowhere).await), "invalid");
    for bytes in [&b""[..], b"\x00\x01", b"{\"a\":1}", &b",".repeat(1_000_000)] {
        let refused = desk.app.give_import(&desk.editor, "x.csv", bytes.to_vec(), "").await;
        assert_eq!(code(refused), "unreadable_file");
    }
    assert_eq!(code(desk.app.import(&desk.editor, "nothing").await), "not_found");
}

#[tokio::test]
async fn a_sheet_of_synonyms_becomes_a_draft_of_the_vocabulary_that_a_second_person_lets_out() {
    const SHEET: &str = "代表語,同義語,読み,範囲\n出金,引き出し、払い戻し,,全体\n入金,,,\n残高,ざんだか,,\n";
    let desk = Desk::open().await;
    let view = give(&desk, SHEET).await;
    assert_eq!((view.counts(), view.rejected().len()), ((2, 0, 0), 1));
    let words = async || desk.app.vocabulary(&desk.editor).await.unwrap();
    assert_eq!(words().await.head.texts.vocabulary().synonyms, [], "reading takes nothing over");

    let applied = desk.app.apply_import(&desk.editor, &view.record.id).await.unwrap();
    assert_eq!(
        (&applied.outcome.groups[..], applied.outcome.rejected),
        (&["出金".into(), "残高".into()][..], 1)
    );
    let drafted = words().await;
    assert_eq!(drafted.record.life.status, Status::Draft);
    assert_eq!(drafted.head.texts.vocabulary().synonyms[0].members, ["出金", "引き出し", "払い戻し"]);
    assert!(drafted.live.texts.vocabulary().synonyms.is_empty(), "nobody is served with it yet");
    assert_eq!(code(desk.app.apply_import(&desk.editor, &view.record.id).await), "import_not_ready");

    // The same file again changes nothing; taking the first one back brings back what was there.
    let again = give(&desk, SHEET).await;
    assert_eq!(again.counts(), (0, 0, 2));
    let again = desk.app.apply_import(&desk.editor, &again.record.id).await.unwrap();
    assert_eq!((again.outcome.vocabulary, words().await.head.number), (None, drafted.head.number));
    desk.app.undo_import(&desk.editor, &view.record.id).await.unwrap();
    assert_eq!(words().await.head.texts.vocabulary().synonyms, []);

    // Once more, and this time it goes out: by somebody else, and then it is not taken back here any more.
    let third = give(&desk, SHEET).await;
    desk.app.apply_import(&desk.editor, &third.record.id).await.unwrap();
    let act = |staff, action| desk.app.act_on_vocabulary(staff, None, action, "");
    act(&desk.editor, Action::Submit).await.unwrap();
    assert_eq!(code(act(&desk.editor, Action::Approve).await), "forbidden");
    act(&desk.approver, Action::Approve).await.unwrap();
    act(&desk.approver, Action::Publish).await.unwrap();
    assert_eq!(desk.app.snapshot().vocabulary.synonyms.len(), 2);
    assert_eq!(code(desk.app.undo_import(&desk.editor, &third.record.id).await), "vocabulary_moved_on");

    // A workbook brings both: a second import for its synonyms, which say what the desk says.
    desk.save(0, fee("440円です。")).await.unwrap();
    let bytes = desk.app.export_entries(&desk.editor, ExportFormat::Xlsx, false).await.unwrap();
    let book = desk.app.give_import(&desk.editor, "faq.xlsx", bytes, "").await.unwrap();
    assert_eq!(book.counts(), (0, 0, 1));
    let beside = desk.app.import(&desk.editor, book.settings.synonyms.as_deref().unwrap()).await.unwrap();
    assert_eq!((beside.counts(), beside.rejected().len()), ((0, 0, 2), 0));
}

async fn ask(desk: &Desk, text: &str) {
    let started = desk.app.start_conversation(None).await.unwrap();
    let access = Access { id: started.id.as_str(), token: &started.token };
    desk.app.ask(access, text).await.unwrap();
}

#[tokio::test]
async fn a_question_asked_in_vain_becomes_an_entry_that_answers_it() {
    let desk = Desk::open().await;
    desk.app.serve_newest().await.unwrap();
    for text in ["領収書を発行してほしい", "領収書を発行してほしいです", "住所変更をしたい"]
    {
        ask(&desk, text).await;
    }
    assert_eq!(desk.app.find_gaps().await.unwrap(), 3);
    assert_eq!(desk.app.find_gaps().await.unwrap(), 0, "a question is placed once");
    let (gaps, counts) = desk.app.gaps(&desk.editor, "").await.unwrap();
    assert_eq!((gaps.len(), counts["open"]), (2, 2));
    let gap = &gaps[0];
    assert_eq!((gap.summary.count, gap.summary.title.as_str()), (2, "領収書を発行してほしい"));

    let id = gap.record.id.clone();
    let act = |action: GapAction| desk.app.act_on_gap(&desk.editor, &id, action);
    assert_eq!(code(act(GapAction::Dismiss(" ".into())).await), "empty");
    assert_eq!(act(GapAction::Assign(desk.editor.id.clone())).await.unwrap(), None);
    let draft = GapAction::Draft {
        question: "領収書を発行してほしい".into(),
        answer: "取引履歴から発行できます。".into(),
    };
    let written = act(draft.clone()).await.unwrap().unwrap();
    assert_eq!(code(act(draft).await), "gap_closed");
    let (_, counts) = desk.app.gaps(&desk.editor, "").await.unwrap();
    assert_eq!((counts["open"], counts["done"]), (1, 1));
    let entry = desk.app.entry(&desk.editor, &written).await.unwrap();
    assert_eq!(entry.head.content.phrasings, ["領収書を発行してほしいです"]);
    let cases = desk.app.cases().await.unwrap();
    assert_eq!((cases.len(), cases[0].entries.join(",")), (1, written.clone()));

    assert_eq!(desk.hears("領収書を発行してほしい").await, None);
    // Asked again after it was done: somebody must look again.
    desk.app.find_gaps().await.unwrap();
    let (_, counts) = desk.app.gaps(&desk.editor, "").await.unwrap();
    assert_eq!(counts["open"], 2);
    for (staff, action) in
        [(&desk.editor, Action::Submit), (&desk.approver, Action::Approve), (&desk.approver, Action::Publish)]
    {
        desk.app.act_on_entry(staff, &written, None, action, "新しい項目").await.unwrap();
    }
    assert_eq!(desk.hears("領収書を発行してほしい").await.as_deref(), Some("取引履歴から発行できます。"));
}

#[tokio::test]
async fn a_wording_joins_an_entry_and_a_dismissed_gap_stays_dismissed() {
    let desk = Desk::open().await;
    desk.save(0, fee("440円です。")).await.unwrap();
    desk.publish().await;
    ask(&desk, "費用を知りたい").await;
    desk.app.find_gaps().await.unwrap();
    let (gaps, _) = desk.app.gaps(&desk.editor, "open").await.unwrap();
    let id = gaps[0].record.id.clone();
    let dismiss = GapAction::Dismiss("対象外の質問".into());
    desk.app.act_on_gap(&desk.editor, &id, dismiss).await.unwrap();
    ask(&desk, "費用を知りたい").await;
    desk.app.find_gaps().await.unwrap();
    let (gaps, _) = desk.app.gaps(&desk.editor, "dismissed").await.unwrap();
    assert_eq!(gaps[0].summary.count, 2, "what is put aside goes on being counted");
    desk.app.act_on_gap(&desk.editor, &id, GapAction::Reopen).await.unwrap();
    let add = GapAction::AddPhrasing { entry: "fee".into(), phrasing: "費用を知りたい".into() };
    assert_eq!(desk.app.act_on_gap(&desk.editor, &id, add).await.unwrap().as_deref(), Some("fee"));
    let entry = desk.app.entry(&desk.editor, "fee").await.unwrap();
    assert_eq!(entry.head.content.phrasings, ["費用を知りたい"]);
    assert_eq!(entry.record.life.live, Some(1), "a wording goes through review too");
    let log = desk.app.gap(&desk.editor, &id).await.unwrap().log;
    let events: Vec<&str> = log.iter().map(|line| line.event.as_str()).collect();
    assert_eq!(events, ["resolve", "reopen", "asked", "dismiss", "found"]);
}

async fn previewed(desk: &Desk, id: &str) -> PreviewState {
    loop {
        let state = desk.app.preview(&desk.editor, id).await.unwrap();
        if state.result.is_some() {
            return state;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_gate_asks_for_a_reason_where_a_figure_gets_worse() {
    let desk = Desk::open().await;
    desk.save(0, fee("440円です。")).await.unwrap();
    desk.publish().await;
    let case: Case =
        serde_json::from_str(r#"{"id":"c1","question":"手数料は?","expect":"answer","entries":["fee"]}"#)
            .unwrap();
    desk.app.keep_cases(&[case], "test").await.unwrap();
    let known = desk.app.entry(&desk.editor, "fee").await.unwrap();
    let worse = Entry { question: "料金の案内".into(), ..fee("440円です。") };
    let save =
        SaveEntry {
            version: known.record.version, content: worse, reason: "改題".into(), external_id: None
        };
    desk.app.save_entry(&desk.editor, save).await.unwrap();
    let step = |staff, action, words: &'static str| desk.app.act_on_entry(staff, "fee", None, action, words);
    step(&desk.editor, Action::Submit, "").await.unwrap();
    step(&desk.approver, Action::Approve, "").await.unwrap();
    assert_eq!(code(step(&desk.approver, Action::Publish, "").await), "not_previewed");
    let state = previewed(&desk, "fee").await;
    let impact = state.result.unwrap().unwrap();
    assert!(impact.is_blocked());
    assert_eq!((impact.changed_cases.len(), state.asked), (1, state.total));
    let refused: Result<_, AppError> = step(&desk.approver, Action::Publish, "").await;
    assert_eq!(code(refused), "gate_blocked");
    step(&desk.approver, Action::Publish, "法務の指示により").await.unwrap();
    let history = desk.app.entry_history(&desk.editor, "fee").await.unwrap();
    assert_eq!(history.log[0].note, "法務の指示により");
}
