use super::*;
use crate::kb::Language;

fn claims() -> Claims {
    Claims::parse(include_str!("../../../kb/claims.toml")).expect("the shipped list")
}

fn entry(id: &str, question: &str, answer: &str) -> Entry {
    Entry { id: id.into(), question: question.into(), answer: answer.into(), ..Entry::default() }
}

fn kinds(entry: &Entry, others: &[&Entry]) -> Vec<CheckKind> {
    check(entry, others, &claims()).iter().map(|finding| finding.kind).collect()
}

#[test]
fn claims_that_must_not_be_made_are_found_and_warnings_against_them_are_not() {
    for text in [
        "長期で持てば必ず儲かります。",
        "元本保証の商品です。",
        "当社のウォレットは絶対に安全です。",
        "リスクはゼロです。",
        "**業界最安**の手数料です。",
        "今が買い時です。",
        "暗号資産の利益に税金はかかりません。",
    ] {
        assert_eq!(kinds(&entry("a", "質問", text), &[]), [CheckKind::ForbiddenClaim], "{text}");
    }
    for text in [
        "必ず儲かるという勧誘は詐欺です。",
        "元本は保証されません。",
        "絶対に安全とは言えません。",
        "値動きにより損失が生じることがあります。",
        "利益が20万円以下の場合、確定申告は不要です。",
        "必ず二段階認証を設定してください。",
        "業界最安水準です(2026年4月時点、当社調べ)。",
    ] {
        assert_eq!(kinds(&entry("a", "質問", text), &[]), [], "{text}");
    }
    let english = Entry { language: Language::En, ..entry("a", "Q", "Our wallet is absolutely safe.") };
    assert_eq!(kinds(&english, &[]), [CheckKind::ForbiddenClaim]);
    let question = entry("a", "必ず儲かりますか?", "利益は保証できません。");
    assert_eq!(kinds(&question, &[]), []);
}

#[test]
fn different_numbers_for_the_same_thing_contradict() {
    let fee = entry("fee", "日本円の出金手数料はいくらですか?", "出金手数料は1回440円です。");
    let other = entry("fee2", "日本円の出金手数料を教えてください", "出金手数料は1回550円です。");
    let same = entry("fee3", "日本円の出金手数料を教えてください", "出金手数料は1回４４０円です。");
    let another = entry("limit", "日本円の入金手数料はいくらですか?", "入金手数料は1回110円です。");
    let found = check(&fee, &[&other, &same, &another], &claims());
    let contradictions: Vec<&Finding> =
        found.iter().filter(|finding| finding.kind == CheckKind::Contradiction).collect();
    assert_eq!(contradictions.len(), 1, "{found:?}");
    assert_eq!(contradictions[0].other.as_deref(), Some("fee2"));
    assert!(contradictions[0].other_excerpt.contains("550円"));
    let open = entry("a", "電話窓口の受付時間", "電話窓口の受付は9:00からです。");
    let late = entry("b", "電話窓口の受付時間は?", "電話窓口の受付は10:30からです。");
    assert!(kinds(&open, &[&late]).contains(&CheckKind::Contradiction));
}

#[test]
fn the_same_question_or_answer_elsewhere_is_named_but_not_in_a_translation() {
    let long =
        "出金の手続きは、画面右上のメニューから「出金」を選び、金額と口座を確かめてお申し込みください。";
    let one = entry("a", "出金の方法を教えてください", long);
    let two = Entry {
        phrasings: vec!["出金の方法を、教えてください！".into()],
        ..entry("b", "お金を引き出したい", long)
    };
    let found = kinds(&one, &[&two]);
    assert_eq!(found, [CheckKind::DuplicateQuestion, CheckKind::DuplicateAnswer]);
    let twin = Entry { translation_of: Some("a".into()), ..two };
    assert_eq!(kinds(&one, &[&twin, &one]), []);
}

#[test]
fn hard_language_is_hinted_at() {
    let check = |answer: &str, kind: CheckKind| {
        assert_eq!(kinds(&entry("a", "質問", answer), &[]), [kind], "{answer}");
    };
    check(&format!("{}です。", "申込の内容を確かめ、".repeat(10)), CheckKind::LongSentence);
    check("出金できないわけではありません。", CheckKind::DoubleNegative);
    check("本人確認書類提出期限をご確認ください。", CheckKind::KanjiRun);
    check("スリッページが生じることがあります。", CheckKind::Jargon);
    check("確認させていただきます。連絡させていただきます。処理されます。反映されます。", CheckKind::Stilted);
    assert_eq!(
        kinds(&entry("a", "質問", "スリッページ（注文価格との差）が生じます。出金はできません。"), &[]),
        []
    );
}

#[test]
fn a_wrong_list_is_named_by_line() {
    let error =
        Claims::parse("[[claim]]\nid = \"x\"\npattern = '('\nja = ''\nen = ''\n").expect_err("no pattern");
    assert_eq!(error.line, 2);
    assert_eq!(Claims::parse("[[claim]]\nid = 3\n").expect_err("no id").line, 2);
}
