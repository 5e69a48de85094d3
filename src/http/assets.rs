//! Style sheets and ES modules, embedded in the binary. Their path holds a hash of them all, so browsers may keep them
//! for good and modules may import each other by relative path.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::texts::Texts;
use crate::kb::Language;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const ICON: &str = include_str!("assets/icon.svg");
const WIDGET: &str = include_str!("assets/widget.js");

/// Name, content type, content.
static ASSETS: LazyLock<Vec<(&str, &str, String)>> = LazyLock::new(|| {
    let fixed = [
        ("base.css", CSS, include_str!("assets/base.css")),
        ("chat.css", CSS, include_str!("assets/chat.css")),
        ("staff.css", CSS, include_str!("assets/staff.css")),
        ("desk.css", CSS, include_str!("assets/desk.css")),
        ("desk.js", JS, include_str!("assets/desk.js")),
        ("entries.js", JS, include_str!("assets/entries.js")),
        ("exchange.js", JS, include_str!("assets/exchange.js")),
        ("impact.js", JS, include_str!("assets/impact.js")),
        ("vocabulary.js", JS, include_str!("assets/vocabulary.js")),
        ("vocabulary_effect.js", JS, include_str!("assets/vocabulary_effect.js")),
        ("editor.js", JS, include_str!("assets/editor.js")),
        ("test.js", JS, include_str!("assets/test.js")),
        ("accounts.js", JS, include_str!("assets/accounts.js")),
        ("net.js", JS, include_str!("assets/net.js")),
        ("dom.js", JS, include_str!("assets/dom.js")),
        ("turns.js", JS, include_str!("assets/turns.js")),
        ("composer.js", JS, include_str!("assets/composer.js")),
        ("conversation.js", JS, include_str!("assets/conversation.js")),
        ("chat.js", JS, include_str!("assets/chat.js")),
        ("staff.js", JS, include_str!("assets/staff.js")),
        ("queue.js", JS, include_str!("assets/queue.js")),
        ("packet.js", JS, include_str!("assets/packet.js")),
        ("demo.js", JS, include_str!("assets/demo.js")),
    ];
    let mut assets: Vec<_> =
        fixed.into_iter().map(|(name, kind, text)| (name, kind, text.to_owned())).collect();
    assets.push(("messages.ja.js", JS, Texts(Language::Ja).script()));
    assets.push(("messages.en.js", JS, Texts(Language::En).script()));
    assets
});

/// Hash of all assets: part of their path.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for (name, _, text) in ASSETS.iter() {
        hasher.update(name);
        hasher.update(text);
    }
    hex::encode(&hasher.finalize()[..6])
});

/// A style sheet or module.
pub(super) async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let Some((_, kind, text)) = ASSETS.iter().find(|(known, _, _)| *known == name) else {
        return ApiError::not_found("page").into_response();
    };
    // A page of an older server gets what there is now, but must not keep it under the old name.
    let keep = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-store" };
    ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, keep)], text.as_str()).into_response()
}

/// The widget's script: the one file that other sites' pages load.
pub(super) async fn widget() -> Response {
    let anywhere = (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    ([(header::CONTENT_TYPE, JS), (header::CACHE_CONTROL, "public, max-age=300"), anywhere], WIDGET)
        .into_response()
}

/// The icon in the browser's tab.
pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")], ICON)
        .into_response()
}
