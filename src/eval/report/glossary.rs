//! What the figures are called in reports, in Japanese. docs/evaluation.md defines them.

/// (Name in the JSON, name for people, what it says), in the order of the report.
pub(super) const GLOSSARY: [(&str, &str, &str); 32] = [
    ("top1", "1位正解率", "回答が期待される質問で、最上位の候補が正しい割合"),
    ("answered_correct", "正答率", "回答が期待される質問に、正しい項目で回答した割合"),
    ("precision", "回答の適合率", "実際に回答したもののうち正しい割合"),
    ("answer_rate", "回答率", "規則や雑談で決まらない質問のうち、回答した割合"),
    ("wrong_answers", "誤答", "全質問のうち、誤った項目で回答した割合（低いほど良い）"),
    ("wrong_answer_rate", "範囲外への誤答", "答えのない質問に回答してしまった割合（低いほど良い）"),
    ("unanswerable_handoff", "範囲外の引き継ぎ", "答えのない質問を有人へ渡した割合"),
    ("handoff_recall", "必須引き継ぎ再現率", "必ず有人へ渡すべき質問を渡した割合（理由は問わない）"),
    ("handoff_exact", "理由の一致", "必ず渡すべき質問を、期待した理由で渡した割合"),
    ("false_handoff", "不要な引き継ぎ", "窓口で足りる質問を有人へ渡した割合（低いほど良い）"),
    ("false_handoff_must", "規則の誤発火", "必須でない質問を、必須の理由で渡した割合（低いほど良い）"),
    ("clarify_rate", "聞き返し率", "規則や雑談で決まらない質問のうち、聞き返した割合"),
    ("clarify_hit_rate", "聞き返しの的中率", "聞き返しの候補に正しい項目があった割合"),
    ("clarify_recall", "聞き返し再現率", "聞き返すべき質問で、正しい候補を示して聞き返した割合"),
    ("smalltalk_recall", "雑談の再現率", "雑談に雑談として応じた割合"),
    ("coverage@90", "被覆率（適合率90%）", "適合率90%を保って回答できる質問の割合"),
    ("coverage@95", "被覆率（適合率95%）", "適合率95%を保って回答できる質問の割合"),
    ("coverage@99", "被覆率（適合率99%）", "適合率99%を保って回答できる質問の割合"),
    ("auroc", "AUROC（正誤）", "確信度が、1位が正しい質問と誤りの質問を見分ける力（0.5は偶然）"),
    ("auroc_answerable", "AUROC（回答可否）", "確信度が、答えのある質問とない質問を見分ける力"),
    ("ece", "ECE", "確信度と正解率の差、等幅10区間（低いほど良い）"),
    ("ece_adaptive", "ECE（等量）", "確信度と正解率の差、等量10区間（低いほど良い）"),
    (
        "ece_if_calibrated",
        "ECE（理想時）",
        "確信度が真の確率だったとしても、この件数なら生じるECEの期待値（低いほど細かく測れる）",
    ),
    ("brier", "Brier", "確信度の二乗誤差（低いほど良い）"),
    ("aurc", "AURC", "リスク・被覆率曲線の下の面積（低いほど良い）"),
    ("recall@10", "Recall@10", "正しい項目のうち上位10件に入った割合"),
    ("ndcg@10", "nDCG@10", "順位の良さ（線形利得）"),
    ("mrr@10", "MRR@10", "最初の正しい項目の順位の逆数"),
    ("success@1", "Success@1", "1位に許容できる項目がある割合"),
    ("success@3", "Success@3", "3位までに許容できる項目がある割合"),
    ("success@5", "Success@5", "5位までに許容できる項目がある割合"),
    ("map", "MAP", "平均適合率の平均"),
];

/// The name for people of a figure; its own name where there is none.
pub(super) fn label(name: &str) -> String {
    let known = GLOSSARY.iter().find(|(known, ..)| *known == name);
    known.map_or_else(|| name.to_owned(), |(_, label, _)| (*label).to_owned())
}

/// A Decision or expected outcome in Japanese.
pub(super) fn decision(name: &str) -> &str {
    match name {
        "answer" => "回答",
        "clarify" => "聞き返し",
        "handoff" => "有人へ",
        "smalltalk" => "雑談",
        other => other,
    }
}

/// A reason of a hand-off in Japanese.
pub(super) fn reason(name: &str) -> &str {
    match name {
        "security" => "不正・被害",
        "complaint" => "苦情",
        "advice" => "投資助言",
        "account" => "口座個別",
        "person" => "有人希望",
        "secret" => "秘密情報",
        "low_confidence" => "確信度不足",
        "out_of_scope" => "範囲外",
        "none_of_these" => "該当なし",
        "unavailable" => "障害",
        other => other,
    }
}

/// A part of a Trace in Japanese.
pub(super) fn trace(name: &str) -> &str {
    match name {
        "outcome" => "結果",
        "tokens" => "検索語",
        "synonyms" => "同義語",
        "follow-up" => "補った発話",
        "rule" => "規則",
        "confidence" => "確信度",
        "candidates" => "候補",
        "degraded" => "欠けた機能",
        other => other,
    }
}

/// A verdict in Japanese.
pub(super) fn verdict(name: &str) -> &str {
    match name {
        "right" => "正",
        "clarify_hit" => "聞き返し（候補に正解）",
        "clarify_miss" => "聞き返し（候補に正解なし）",
        "passed" => "有人へ（答えはある）",
        "wrong_answer" => "誤答",
        "missed" => "引き継ぎ漏れ",
        "misread" => "雑談の取り違え",
        other => other,
    }
}
