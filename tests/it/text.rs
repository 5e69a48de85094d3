//! What the analyzer promises about Japanese, checked with the built dictionaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use madoguchi::text::{
    Analyzer, DictionaryKind, DictionaryOptions, Language, SynonymGroup, TextError, UserTerm, Vocabulary,
    build_dictionary,
};
use proptest::prelude::*;

/// Every dictionary that is built here; UniDic always, IPADIC where `make test` prepared it.
fn dictionaries() -> Vec<PathBuf> {
    let best = crate::dictionary();
    let root = best.parent().unwrap();
    [DictionaryKind::Unidic, DictionaryKind::Ipadic]
        .map(|kind| root.join(kind.folder()))
        .into_iter()
        .filter(|folder| folder.is_dir())
        .collect()
}

fn plain() -> &'static Analyzer {
    static PLAIN: LazyLock<Analyzer> =
        LazyLock::new(|| Analyzer::open(&crate::dictionary(), &Vocabulary::default()).unwrap());
    &PLAIN
}

fn desk_vocabulary() -> Vocabulary {
    let term = |surface: &str, parts: &[&str]| UserTerm {
        surface: surface.into(),
        pos: "名詞".into(),
        reading: String::new(),
        parts: parts.iter().map(|part| (*part).into()).collect(),
    };
    let group =
        |members: &[&str]| SynonymGroup { members: members.iter().map(|member| (*member).into()).collect() };
    Vocabulary {
        terms: vec![
            term("２段階認証", &["2段階", "認証"]),
            term("ステーキング", &[]),
            term("出金", &[]),
            term("出金手数料", &["出金", "手数料"]),
            term("出金報酬", &["出金", "報酬"]),
            term("出金報酬無料化", &["出金報酬", "無料"]),
            term("紛争解決", &[]),
            term("紛争解決センター", &["紛争解決", "センター"]),
            term("ガス", &[]),
            term("フィー", &[]),
            term("BTC", &[]),
            term("ETH", &[]),
            term("NFT", &[]),
            term("2FA", &[]),
            term("hardware wallet", &["hardware", "wallet"]),
            term("BTC建て", &["btc"]),
        ],
        synonyms: vec![
            group(&["出金", "引き出し", "払い出す"]),
            group(&["口座を開く", "アカウント登録", "新規登録"]),
            group(&["ビットコイン", "BTC"]),
        ],
    }
}

fn desk() -> &'static Analyzer {
    static DESK: LazyLock<Analyzer> =
        LazyLock::new(|| Analyzer::open(&crate::dictionary(), &desk_vocabulary()).unwrap());
    &DESK
}

/// `surface/term` of the content tokens.
fn content(analyzer: &Analyzer, text: &str) -> String {
    let analysis = analyzer.analyze(text);
    let tokens = analysis.tokens.iter().filter(|token| token.content);
    tokens.map(|token| format!("{}/{}", token.surface, token.term)).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn same(a: &str, b: &str) {
    assert_eq!(plain().terms(a), plain().terms(b), "{a} and {b}");
}

#[test]
fn spellings_of_one_word_share_their_term() {
    same("申込み", "申し込み");
    same("パスワードを失くした", "パスワードを無くした");
    same("ﾊﾟｽﾜｰﾄﾞ", "パスワード");
    same("サ‐バ－", "サーバー");
    same("ユーザ〜", "ユーザー");
    same("ＢＴＣ", "btc");
    same("１，０００円", "1000円");
    same("届か\u{200B}ない", "届かない");
    same("お問い合わせ", "問合せ");
}

#[test]
fn questions_keep_what_they_ask() {
    for (text, expect) in [
        ("ログアウトできない", "ログ/ログ アウト/アウト でき/出来る"),
        ("1,000円を10BTCに", "1,000/1000 円/円 10/10 btc/btc"),
        ("人々がバッグを持っています", "人々/人々 バッグ/バッグ 持っ/持つ"),
        ("手数料がいくらか教えて", "手数/手数 料/料 いくら/幾ら 教え/教える"),
        ("これはどこでどうしたらいいですか", "これ/此れ どこ/何処 どう/どう し/為る いい/良い"),
        ("申請はどこでしたらいいですか", "申請/申請"),
        ("する", "する/為る"),
        ("ですか", "です/です か/か"),
        ("How do I cancel withdrawals?", "how/how cancel/cancel withdrawals/withdrawal"),
        ("the", "the/the"),
    ] {
        assert_eq!(content(plain(), text), expect, "{text}");
    }
}

#[test]
fn offsets_point_into_the_normalised_text() {
    for text in ["ＢＴＣを1,000円、Tシャツ😀で買うe-mail。", "12段階認証とmethodとBTC建て", "a　b\tc"]
    {
        let analysis = desk().analyze(text);
        let mut last = 0;
        for token in &analysis.tokens {
            assert!(token.start >= last && token.end > token.start, "{text}: {token:?}");
            assert_eq!(token.surface, analysis.normalized[token.start..token.end]);
            last = token.end;
        }
        let covered: usize = analysis.tokens.iter().map(|token| token.end - token.start).sum();
        assert_eq!(
            covered,
            analysis.normalized.replace(' ', "").len(),
            "{text}: every character belongs to a token"
        );
    }
}

#[test]
fn desk_terms_are_one_token_and_findable_by_their_parts() {
    for (text, expect) in [
        ("二段階認証と2段階認証", "2段階認証"),
        ("ステーキング報酬", "ステーキング"),
        ("出金手数料はいくら", "出金手数料"),
        ("BTC建ての価格", "btc建て"),
        ("今日は紛争解決センターの方法を", "紛争解決センター"),
        ("btcを買う", "btc"),
        ("NFTs", "nft"),
        ("2faを設定", "2fa"),
        ("my hardware wallet broke", "hardware wallet"),
    ] {
        let analysis = desk().analyze(text);
        let token = analysis.tokens.iter().find(|token| token.term == expect);
        assert!(
            token.is_some_and(|token| token.known && token.content),
            "{expect} in {text}: {:?}",
            analysis.tokens
        );
    }
    let terms = desk().terms("2段階認証");
    assert_eq!(terms[0], "2段階認証");
    for part in plain().terms("認証") {
        assert!(terms.contains(&part), "{part} in {terms:?}");
    }
    // A part that is itself a term of the desk brings its own parts.
    assert_eq!(desk().terms("出金報酬無料化"), ["出金報酬無料化", "出金報酬", "出金", "報酬", "無料"]);
}

#[test]
fn desk_terms_do_not_cut_other_words() {
    for (text, not) in [
        ("フィードバック", "フィー"),
        ("method", "eth"),
        ("something", "eth"),
        ("ガスト", "ガス"),
        ("btcusd", "btc"),
    ] {
        let terms = desk().terms(text);
        assert!(!terms.iter().any(|term| term == not), "{not} in {text}: {terms:?}");
    }
}

#[test]
fn synonyms_expand_questions_by_the_longest_wording() {
    let alternatives = |text: &str| {
        let analysis = desk().analyze(text);
        let found = analysis.expansions.iter().map(|expansion| {
            let from: String =
                analysis.tokens[expansion.from.clone()].iter().map(|t| t.surface.as_str()).collect();
            let other: Vec<String> = expansion.alternatives.iter().map(|terms| terms.join("+")).collect();
            format!("{from}={}", other.join("|"))
        });
        found.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(alternatives("出金したい"), "出金=引き出し|払い出す");
    assert_eq!(alternatives("引出しの方法"), "引出し=出金|払い出す");
    assert_eq!(alternatives("新しく口座を開きたい"), "口座を開き=アカウント+登録|新規+登録");
    assert_eq!(alternatives("btcの出金"), "btc=ビット+コイン 出金=引き出し|払い出す");
    assert_eq!(alternatives("入金したい"), "");
}

#[test]
fn languages() {
    for (text, expect) in [
        ("出金できない", Language::Ja),
        ("ﾛｸﾞｲﾝ", Language::Ja),
        ("BTCとは", Language::Ja),
        ("withdraw", Language::En),
        ("How long does a bank transfer take?", Language::En),
        ("Comment puis-je retirer mon argent de mon compte bancaire ?", Language::Other),
        ("비밀번호를 잊어버렸어요", Language::Other),
        ("12345", Language::Other),
        ("😀", Language::Other),
    ] {
        assert_eq!(desk().analyze(text).language, expect, "{text}");
    }
}

#[test]
fn both_dictionaries_serve() {
    for folder in dictionaries() {
        let analyzer = Analyzer::open(&folder, &desk_vocabulary()).unwrap();
        assert!(folder.ends_with(analyzer.dictionary().kind.folder()), "{folder:?}");
        assert_eq!(analyzer.terms("報酬は無料ですか"), ["報酬", "無料"], "{folder:?}");
        assert_eq!(analyzer.terms("ステーキング"), ["ステーキング"], "{folder:?}");
        assert_eq!(analyzer.terms("走った")[0], "走る", "{folder:?}");
    }
}

#[test]
fn fingerprints_follow_dictionary_and_vocabulary() {
    let mut fingerprints = vec![plain().fingerprint(), desk().fingerprint()];
    for folder in dictionaries().iter().skip(1) {
        fingerprints.push(Analyzer::open(folder, &Vocabulary::default()).unwrap().fingerprint());
    }
    let again = Analyzer::open(&crate::dictionary(), &desk_vocabulary()).unwrap();
    assert_eq!(again.fingerprint(), desk().fingerprint());
    let count = fingerprints.len();
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), count);
}

#[test]
fn terms_and_analysis_agree_in_many_threads() {
    let texts = ["2段階認証のBTC出金", "How do I withdraw?", "申込みは？", "😀", "  "];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for text in texts.iter().cycle().take(200) {
                    let analysis = desk().analyze(text);
                    assert!(analysis.terms().eq(desk().terms(text).iter().map(String::as_str)), "{text}");
                }
            });
        }
    });
}

// ---- Dictionaries that cannot be used ----------------------------------------------------------------------------

/// A copy of the smallest dictionary at hand, to be damaged.
fn copy_of_a_dictionary() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dictionaries().last().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[track_caller]
fn refused(folder: &Path, expect: &str) {
    let error = Analyzer::open(folder, &Vocabulary::default())
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        error.contains(expect) && error.contains("madoguchi dict build") && !error.contains('\n'),
        "{error}"
    );
}

#[test]
fn a_missing_dictionary_names_the_remedy() {
    let empty = tempfile::tempdir().unwrap();
    refused(&empty.path().join("unidic"), "no dictionary");
    let error = Analyzer::open_default(empty.path(), &Vocabulary::default()).err().unwrap();
    assert!(
        matches!(error, TextError::Missing { .. }) && error.to_string().contains("scripts/setup.sh"),
        "{error}"
    );
}

#[test]
fn a_damaged_dictionary_is_refused() {
    let good = copy_of_a_dictionary();
    assert!(Analyzer::open(good.path(), &Vocabulary::default()).is_ok());
    let names: Vec<_> = fs::read_dir(good.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in names {
        let bytes = fs::read(&path).unwrap();
        let half = &bytes[..bytes.len() / 2];
        let mut turned = bytes.clone();
        turned[bytes.len() / 2..].iter_mut().for_each(|byte| *byte = !*byte);
        for bad in [&b""[..], half, &turned] {
            fs::write(&path, bad).unwrap();
            refused(good.path(), "damaged");
        }
        fs::remove_file(&path).unwrap();
        refused(good.path(), "damaged");
        fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn a_dictionary_of_another_version_is_refused() {
    let copy = copy_of_a_dictionary();
    let note = copy.path().join("madoguchi.json");
    let text = fs::read_to_string(&note).unwrap();
    fs::write(&note, text.replace("\"normalizer\": ", "\"normalizer\": 99")).unwrap();
    refused(copy.path(), "another version");
}

#[test]
fn a_bad_source_leaves_the_old_dictionary() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("dict");
    fs::create_dir_all(out.join("unidic")).unwrap();
    fs::write(out.join("unidic/kept"), "old").unwrap();
    let build = |source: &Path| {
        let options = DictionaryOptions {
            kinds: vec![DictionaryKind::Unidic],
            source: Some(source.into()),
            out: out.clone(),
        };
        build_dictionary(&options).unwrap_err().to_string()
    };
    let source = folder.path().join("source");
    assert!(build(&source).contains("scripts/setup.sh"));
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("sys.dic"), "not a dictionary").unwrap();
    let error = build(&source);
    assert!(error.contains("sys.dic") && !error.contains('\n'), "{error}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1, "nothing half-made is left behind");
    assert!(out.join("unidic/kept").exists());
}

// ---- Properties --------------------------------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// No non-empty Japanese input yields zero terms, and every surface is where the token says.
    #[test]
    fn nothing_a_customer_writes_vanishes(
        text in "[ぁ-ゖァ-ヺー一-龠々ｦ-ﾟＡ-Ｚ０-９a-zA-Z0-9‐〜～ー！？、。（）「」😀-😏 \u{200D}\u{FE0F}\u{3099}]{0,40}",
        visible in "[ぁ-ゖァ-ヺ一-龠ｱ-ﾝＡ-Ｚ０-９😀-😏‐〜！。]",
    ) {
        let text = text + &visible;
        for analyzer in [plain(), desk()] {
            let analysis = analyzer.analyze(&text);
            prop_assert!(analysis.terms().next().is_some());
            prop_assert!(analysis.terms().all(|term| !term.is_empty()));
            prop_assert!(analysis.terms().eq(analyzer.terms(&text).iter().map(String::as_str)));
            for token in &analysis.tokens {
                prop_assert_eq!(&token.surface, &analysis.normalized[token.start..token.end]);
            }
            let again = analyzer.analyze(&analysis.normalized);
            prop_assert_eq!(again.normalized, analysis.normalized);
        }
    }

    #[test]
    fn any_input_is_survived(text in "\\PC{0,60}|[\\x00-\\x7F]{0,60}") {
        let analysis = desk().analyze(&text);
        let _ = analysis.grams();
        prop_assert!(desk().terms(&text).len() >= analysis.tokens.iter().filter(|token| token.content).count());
    }
}
