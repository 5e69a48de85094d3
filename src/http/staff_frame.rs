//! What every staff page shows around its content: the places one may go to, the language, who one is, and whether
//! what is published is also served.

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Web;
use super::auth::SignedInStaff;
use super::error::ApiError;
use super::extract::Query;
use super::pages::{Frame, PageQuery, language};
use super::texts::Texts;
use crate::app::{EntryFilter, EntryState, Role, Serving, Session, Staff, WHO_IMPORTS, WHO_KEEPS_TIME};
use crate::handoff::StaffId;
use crate::kb::{Language, Status};

/// The staff's places: path, text, and who finds them in the bar.
const PLACES: [(&str, &str, Role); 9] = [
    ("/staff", "nav.queue", Role::Agent),
    ("/staff/entries", "nav.entries", Role::Editor),
    ("/staff/review", "nav.review", Role::Approver),
    ("/staff/gaps", "nav.gaps", Role::Editor),
    ("/staff/vocabulary", "nav.vocabulary", Role::Editor),
    ("/staff/test", "nav.test", Role::Editor),
    ("/staff/imports", "nav.imports", Role::Editor),
    ("/staff/insight", "nav.insight", Role::Editor),
    ("/staff/accounts", "nav.accounts", Role::Admin),
];

/// A place in the bar.
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
    pub(super) current: bool,
    pub(super) count: Option<usize>,
}

/// The bar of a staff page.
pub(super) struct Bar {
    pub(super) places: Vec<Place>,
    pub(super) name: String,
    pub(super) csrf: String,
    pub(super) has_password: bool,
    pub(super) time_zone: String,
    /// This page's address up to where `lang=` goes.
    pub(super) here: String,
    /// Why customers do not get the newest state, if they do not.
    pub(super) not_served: Option<String>,
    /// Whether what is published is on its way to customers.
    pub(super) is_building: bool,
    /// Configured models that are not used, and why: for those who run the desk.
    pub(super) models_unused: Vec<String>,
}

/// What every staff page needs, read from its request: who looks at it, where, and in which language.
pub(super) struct StaffFrame {
    pub(super) frame: Frame,
    pub(super) bar: Bar,
    pub(super) t: Texts,
    /// Who looks at it.
    pub(super) member: Staff,
    /// The language the query asks for.
    pub(super) asked: Option<Language>,
}

impl FromRequestParts<Web> for StaffFrame {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let SignedInStaff { session, .. } = SignedInStaff::from_request_parts(parts, web).await?;
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, web).await?;
        let asked = query.asked();
        let t = Texts(language(&parts.headers, asked));
        let bar = Bar::new(web, &session, &parts.uri).await?;
        Ok(Self { frame: Frame::new(web, t), bar, t, member: session.staff, asked })
    }
}

impl Bar {
    async fn new(web: &Web, session: &Session, uri: &Uri) -> Result<Self, ApiError> {
        let member = &session.staff;
        let mut places = Vec::new();
        for (path, text, role) in PLACES {
            let is_reader = text == "nav.entries" || text == "nav.test";
            if !member.may(role) && !is_reader {
                continue;
            }
            let count = if path == "/staff/review" { waiting(web, member).await? } else { None };
            places.push(Place { path, text, current: is_at(uri.path(), path), count });
        }
        let serving = web.app.serving().await?;
        let is_building = matches!(serving, Serving::Building(_));
        let not_served = if let Serving::Failed(why) = serving { Some(why) } else { None };
        Ok(Self {
            places,
            name: member.name.clone(),
            csrf: session.csrf.clone(),
            has_password: member.has_password,
            time_zone: web.app.snapshot().desk.time_zone.clone(),
            here: here(uri),
            not_served,
            is_building,
            models_unused: if member.may(Role::Admin) { web.app.models().unused } else { Vec::new() },
        })
    }
}

fn is_at(here: &str, place: &str) -> bool {
    here == place || (place != "/staff" && here.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')))
}

/// How much waits for review: entries, and the vocabulary. Not shown when nothing does.
async fn waiting(web: &Web, staff: &Staff) -> Result<Option<usize>, ApiError> {
    let state = Some(EntryState::Head(Status::Review));
    let page = web.app.entries(staff, &EntryFilter { state, per_page: 1, ..EntryFilter::default() }).await?;
    let total = page.total + usize::from(web.app.vocabulary_waits().await?);
    Ok(Some(total).filter(|total| *total > 0))
}

/// The page's address without its language, ready for `lang=`.
fn here(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang=")).collect();
    let rest = kept.iter().map(|pair| format!("{pair}&")).collect::<String>();
    format!("{}?{rest}", uri.path())
}

/// Times and names as people read them.
pub(super) struct Readable {
    zone: TimeZone,
    names: HashMap<StaffId, String>,
    pub(super) t: Texts,
}

impl Readable {
    pub(super) async fn new(web: &Web, t: Texts) -> Result<Self, ApiError> {
        let zone = TimeZone::get(&web.app.snapshot().desk.time_zone);
        let zone = zone.unwrap_or_else(|_| TimeZone::fixed(jiff::tz::Offset::constant(9)));
        Ok(Self { zone, names: web.app.staff_names().await?, t })
    }

    /// `2026年11月20日 10:05` or `20 Nov 2026, 10:05`, in the desk's time zone.
    pub(super) fn moment(&self, ms: i64) -> String {
        let format = if self.t.0 == Language::Ja { "%Y年%-m月%-d日 %-H:%M" } else { "%-d %b %Y, %-H:%M" };
        let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        moment.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// The short form for lists: `2026/11/20`.
    pub(super) fn day(&self, ms: i64) -> String {
        let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        moment.to_zoned(self.zone.clone()).strftime("%Y/%m/%d").to_string()
    }

    /// Who did something.
    pub(super) fn who(&self, actor: &str) -> String {
        match actor {
            WHO_IMPORTS => self.t.get("who.files").to_owned(),
            WHO_KEEPS_TIME => self.t.get("who.clock").to_owned(),
            id => {
                let name = StaffId::parse(id).and_then(|id| self.names.get(&id));
                name.cloned().unwrap_or_else(|| self.t.get("who.gone").to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_other_language_keeps_the_query() {
        let uri = |text: &'static str| Uri::from_static(text);
        assert_eq!(here(&uri("/staff/entries")), "/staff/entries?");
        assert_eq!(
            here(&uri("/staff/entries?q=%E5%87%BA&lang=en&page=2")),
            "/staff/entries?q=%E5%87%BA&page=2&"
        );
    }

    #[test]
    fn the_bar_shows_where_one_is() {
        assert!(is_at("/staff", "/staff") && !is_at("/staff/entries", "/staff"));
        assert!(
            is_at("/staff/entries/fee/history", "/staff/entries")
                && !is_at("/staff/entriesx", "/staff/entries")
        );
    }
}
