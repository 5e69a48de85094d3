use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: &str) {
    assert_eq!(mask(text).text, expected, "{text}");
}

#[test]
fn personal_data_is_masked_in_any_width() {
    let cases = [
        ("メールはtaro.yamada+x@mail.example.jpです", "メールは[メールアドレス]です"),
        ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐに届かない", "[メールアドレス]に届かない"),
        ("電話090-1234-5678に", "電話[電話番号]に"),
        ("０９０ー１２３４ー５６７８", "[電話番号]"),
        ("０３−１２３４−５６７８まで", "[電話番号]まで"),
        ("09012345678です", "[電話番号]です"),
        ("(03)1234-5678", "[電話番号]"),
        ("+81 90-1234-5678", "[電話番号]"),
        ("call +1 415 555 0100 please", "call [電話番号] please"),
        ("〒150-0001 渋谷区", "[郵便番号] 渋谷区"),
        ("住所は１５０－０００１です", "住所は[郵便番号]です"),
        ("口座番号は1234567です", "口座番号は[口座番号]です"),
        ("みずほ 渋谷支店 普通 １２３４５６７", "みずほ 渋谷支店 普通 [口座番号]"),
        ("マイナンバー 1234 5678 9012", "マイナンバー [マイナンバー]"),
        ("マイナンバーは123456789012", "マイナンバーは[マイナンバー]"),
        ("カード4111 1111 1111 1111で", "カード[カード番号]で"),
        ("４１１１１１１１１１１１１１１１", "[カード番号]"),
        ("378282246310005", "[カード番号]"),
        ("0x52908400098527886E0F7030069857D2E4169EE7に送った", "[アドレス]に送った"),
        ("アドレスはbc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4です", "アドレスは[アドレス]です"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "[アドレス]"),
        ("rDTXLQ7ZKZVKz33zJbHjgVShjsBnqMBhmNへ", "[アドレス]へ"),
    ];
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn secrets_are_masked_and_named() {
    let seed = "abandon ability able about above absent absorb abstract absurd abuse access accident";
    let numbered =
        seed.split(' ').enumerate().map(|(i, w)| format!("{}. {w}", i + 1)).collect::<Vec<_>>().join("\n");
    let key = "e9873d79c6d87dc0fb6a5778633389f4453213303da61f20bd67fc233aa33262";
    let cases = [
        (format!("フレーズは {seed} です"), Kind::SeedPhrase, true),
        (numbered, Kind::SeedPhrase, true),
        (format!("秘密鍵は{key}です"), Kind::PrivateKey, true),
        (format!("これ {key}"), Kind::KeyOrTransaction, false),
        ("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ".into(), Kind::PrivateKey, true),
        (
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----".into(),
            Kind::PrivateKey,
            true,
        ),
        ("パスワードはHogehoge123!です".into(), Kind::Password, false),
        ("認証コードは 482913 でした".into(), Kind::Password, false),
    ];
    for (text, kind, opens) in cases {
        let masked = mask_secrets(&text);
        assert_eq!(masked.kinds, [kind], "{text}");
        assert_eq!(masked.kinds.iter().any(|kind| kind.opens_assets()), opens, "{text}");
        for word in ["abandon", "e9873d", "5HueC", "MHcC", "Hoge", "482913"] {
            assert!(!masked.text.contains(word), "{}", masked.text);
        }
    }
}

#[test]
fn what_is_no_personal_data_stays() {
    let cases = [
        "出金手数料は1回440円ですか?",
        "口座に1000000円入金したのに反映されない",
        "口座に1,500,000円を",
        "0.0123456789BTCを送金",
        "2026-11-22 10:00に申し込み",
        "注文番号は20261122000123です",
        "txid e9873d79c6d87dc0fb6a5778633389f4453213303da61f20bd67fc233aa33262 が承認されない",
        "パスワードは何文字必要ですか",
        "password reset mail does not arrive",
        "please tell me how the withdrawal fee for bitcoin transfer was changed and when your staff are available",
        "24時間365日、100万円まで、3.5%",
        "シードフレーズとは何ですか",
        "",
    ];
    for text in cases {
        check(text, text);
    }
}

#[test]
fn secrets_alone_leave_personal_data_for_the_agent() {
    let masked = mask_secrets("taro@example.jp、カードは4111111111111111です");
    assert_eq!(masked.text, "taro@example.jp、カードは[カード番号]です");
}

proptest! {
    #[test]
    fn masking_never_fails_and_is_stable(text in "[ -~ぁ-んァ-ヶ一-龠０-９ー＠。\\n]{0,120}") {
        let once = mask(&text);
        let twice = mask(&once.text);
        prop_assert_eq!(once.kinds.is_empty(), once.text == text);
        prop_assert!(twice.kinds.len() <= once.kinds.len() + 1);
    }

    #[test]
    fn a_phone_number_never_survives(
        a in "0[789]0", b in "[0-9]{4}", c in "[0-9]{4}", dash in "[-ー−－ ]?", around in "[ぁ-ん]{0,10}"
    ) {
        let text = format!("{around}{a}{dash}{b}{dash}{c}{around}");
        prop_assert!(!mask(&text).text.contains(&c), "{}", mask(&text).text);
    }
}
