//! Which tokens carry meaning of their own. The list is short on purpose: BM25 already weighs frequent words down, so
//! only words that say nothing in any question are left out.

/// Whether a dictionary word with this part of speech and lemma is indexed.
pub(super) fn is_content(pos1: &str, pos2: &str, lemma: &str) -> bool {
    match pos1 {
        // Grammar, punctuation and noise, in the names of both dictionaries.
        "助詞" | "助動詞" | "補助記号" | "空白" | "接続詞" | "フィラー" | "感動詞" | "連体詞" | "その他" => {
            false
        }
        // UniDic files Greek and Latin letters under 記号, IPADIC punctuation.
        "記号" => matches!(pos2, "文字" | "アルファベット"),
        // お, ご: politeness. Other prefixes (未, 再, 不) change the meaning.
        "接頭辞" | "接頭詞" => !matches!(lemma, "御" | "お" | "ご"),
        "接尾辞" => !matches!(lemma, "様" | "さん" | "達"),
        "形状詞" => pos2 != "助動詞語幹",
        // 出来る stays: 「出来ない」 is what questions are about.
        "動詞" => !matches!(
            lemma,
            "為る"
                | "する"
                | "有る"
                | "ある"
                | "居る"
                | "いる"
                | "成る"
                | "なる"
                | "御座る"
                | "ござる"
                | "致す"
                | "いたす"
                | "下さる"
                | "くださる"
                | "頂く"
                | "いただく"
                | "仕舞う"
                | "しまう"
                | "呉れる"
                | "くれる"
                | "おる"
                | "居る-をる"
        ),
        "名詞" => !matches!(
            lemma,
            "事" | "こと" | "物" | "もの" | "為" | "ため" | "よう" | "の" | "ん" | "訳" | "筈" | "はず"
        ),
        _ => true,
    }
}

/// Whether a token is more than punctuation: what counts when a text has no content word.
pub(super) fn is_word(pos1: &str) -> bool {
    !matches!(pos1, "補助記号" | "空白" | "記号")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_in_both_dictionaries() {
        for (pos1, pos2, lemma) in [
            ("助詞", "格助詞", "が"),
            ("動詞", "非自立可能", "為る"),
            ("動詞", "自立", "する"),
            ("接頭辞", "", "御"),
            ("名詞", "普通名詞", "事"),
            ("記号", "句点", "。"),
        ] {
            assert!(!is_content(pos1, pos2, lemma), "{lemma}");
        }
        for (pos1, pos2, lemma) in [
            ("動詞", "非自立可能", "出来る"),
            ("接頭辞", "", "未"),
            ("名詞", "普通名詞", "出金"),
            ("記号", "文字", "α"),
            ("形容詞", "非自立可能", "無い"),
        ] {
            assert!(is_content(pos1, pos2, lemma), "{lemma}");
        }
    }
}
