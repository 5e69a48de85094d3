//! Insight as API, page and CSV: how the desk and each entry did, in tables and two plots.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use plotters::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Web;
use super::auth::SignedInStaff;
use super::error::{ApiError, Problem};
use super::extract::Query;
use super::pages::{Frame, language, page};
use super::staff_frame::{Bar, StaffFrame};
use super::texts::Texts;
use crate::app::{DayInsight, Insight};
use crate::kb::exchange::write::table_csv;

/// Days looked at unless the query says otherwise.
const DAYS: u32 = 30;
/// Entries shown on the page; the CSV has them all.
const SHOWN: usize = 50;
/// Size of a plot in its own units; the page scales it.
const SIZE: (u32, u32) = (720, 260);
/// Lines of a plot: readable on white and on near-black.
const LINES: [RGBColor; 3] =
    [RGBColor(0x3b, 0x82, 0xf6), RGBColor(0xd9, 0x8a, 0x00), RGBColor(0xc8, 0x50, 0x46)];

/// What of it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct InsightQuery {
    /// Over how many days, 1 to 366; 30 unless given.
    pub days: Option<u32>,
}

/// A day in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DayDto {
    /// The day (YYYY-MM-DD); empty for the whole time.
    pub day: String,
    /// Questions answered.
    pub answered: u64,
    /// Questions asked back.
    pub clarified: u64,
    /// Questions handed to a person.
    pub handed_off: u64,
    /// Small talk.
    pub small_talk: u64,
    /// Answers that customers said helped.
    pub resolved: u64,
    /// Answers that they said did not.
    pub down_voted: u64,
    /// Share of verdicts that say it helped.
    pub satisfaction: Option<f64>,
}

/// An entry in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryFiguresDto {
    /// The entry.
    pub entry_id: String,
    /// Answered with it, or chosen among candidates.
    pub shown: u64,
    /// Customers said that it helped.
    pub resolved: u64,
    /// Customers said that it did not.
    pub down_voted: u64,
    /// The conversation went to a person by its next question.
    pub handed_off_after: u64,
}

/// How the desk did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InsightDto {
    /// Days looked at.
    pub days: u32,
    /// Conversations in which something was asked.
    pub conversations: u64,
    /// Share of them that no person had to take over.
    pub deflection: Option<f64>,
    /// The whole time.
    pub total: DayDto,
    /// Day by day.
    pub by_day: Vec<DayDto>,
    /// By entry, the most shown first.
    pub entries: Vec<EntryFiguresDto>,
    /// Whether older questions were left out because there were too many.
    pub truncated: bool,
}

impl DayDto {
    fn of(day: String, figures: &DayInsight) -> Self {
        let DayInsight { answered, clarified, handed_off, small_talk, resolved, down_voted } = *figures;
        let satisfaction = figures.satisfaction();
        Self { day, answered, clarified, handed_off, small_talk, resolved, down_voted, satisfaction }
    }
}

impl InsightDto {
    fn of(insight: &Insight) -> Self {
        Self {
            days: insight.days,
            conversations: insight.conversations,
            deflection: insight.deflection(),
            total: DayDto::of(String::new(), &insight.total),
            by_day: insight
                .by_day
                .iter()
                .map(|(day, figures)| DayDto::of(day.to_string(), figures))
                .collect(),
            entries: insight
                .entries
                .iter()
                .map(|(id, entry)| EntryFiguresDto {
                    entry_id: id.clone(),
                    shown: entry.shown,
                    resolved: entry.resolved,
                    down_voted: entry.down_voted,
                    handed_off_after: entry.handed_off_after,
                })
                .collect(),
            truncated: insight.truncated,
        }
    }
}

/// How the desk and each entry did.
#[utoipa::path(
    get, path = "/api/v1/insight", tag = "insight", security(("staff" = [])), params(InsightQuery),
    responses((status = 200, body = InsightDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_insight(
    State(web): State<Web>,
    staff: SignedInStaff,
    Query(query): Query<InsightQuery>,
) -> Result<axum::Json<InsightDto>, ApiError> {
    let insight = web.app.insight(&staff.session.staff, query.days.unwrap_or(DAYS)).await?;
    Ok(axum::Json(InsightDto::of(&insight)))
}

/// The entries' figures as CSV, safe in a spreadsheet.
#[utoipa::path(
    get, path = "/api/v1/insight/entries.csv", tag = "insight", security(("staff" = [])), params(InsightQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_entries_csv(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Query(query): Query<InsightQuery>,
) -> Result<Response, ApiError> {
    let t = Texts(language(&headers, None));
    let insight = web.app.insight(&staff.session.staff, query.days.unwrap_or(DAYS)).await?;
    let snapshot = web.app.snapshot();
    let heads = [
        "insight.entry",
        "field.question",
        "insight.shown",
        "insight.resolved",
        "insight.down_voted",
        "insight.after",
    ];
    let rows = insight.entries.iter().map(|(id, entry)| {
        let question = snapshot.entry(id).map_or(String::new(), |entry| entry.question.clone());
        let counts = [entry.shown, entry.resolved, entry.down_voted, entry.handed_off_after];
        [id.clone(), question].into_iter().chain(counts.map(|count| count.to_string())).collect()
    });
    let bytes = table_csv(heads.map(|key| t.get(key).to_owned()).to_vec(), rows);
    Ok(csv(bytes, "entries.csv"))
}

/// The days' figures as CSV.
#[utoipa::path(
    get, path = "/api/v1/insight/days.csv", tag = "insight", security(("staff" = [])), params(InsightQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_days_csv(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Query(query): Query<InsightQuery>,
) -> Result<Response, ApiError> {
    let t = Texts(language(&headers, None));
    let insight = web.app.insight(&staff.session.staff, query.days.unwrap_or(DAYS)).await?;
    let heads = [
        "insight.day",
        "insight.answered",
        "insight.clarified",
        "insight.handed_off",
        "insight.small_talk",
        "insight.resolved",
        "insight.down_voted",
    ];
    let rows = insight.by_day.iter().map(|(day, of)| {
        let counts = [of.answered, of.clarified, of.handed_off, of.small_talk, of.resolved, of.down_voted];
        std::iter::once(day.to_string()).chain(counts.map(|count| count.to_string())).collect()
    });
    Ok(csv(table_csv(heads.map(|key| t.get(key).to_owned()).to_vec(), rows), "days.csv"))
}

fn csv(bytes: Vec<u8>, name: &str) -> Response {
    let mut response =
        ([(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], bytes)
            .into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

#[derive(Template)]
#[template(path = "insight.html")]
struct InsightPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    days: u32,
    spans: [u32; 4],
    insight: InsightDto,
    deflection: String,
    satisfaction: String,
    mix: String,
    mood: String,
    entries: Vec<(EntryFiguresDto, String)>,
}

/// The page.
pub(super) async fn insight(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Query(query): Query<InsightQuery>,
) -> Result<Response, ApiError> {
    let days = query.days.unwrap_or(DAYS);
    let found = web.app.insight(&member, days).await?;
    let snapshot = web.app.snapshot();
    let insight = InsightDto::of(&found);
    let percent =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{:.0}%", value * 100.0));
    let series =
        |of: fn(&DayInsight) -> Option<f64>| -> Vec<Option<f64>> { found.by_day.values().map(of).collect() };
    let mix = [
        series(|day| Some(day.answered as f64)),
        series(|day| Some(day.clarified as f64)),
        series(|day| Some(day.handed_off as f64)),
    ];
    let named = |entry: &EntryFiguresDto| {
        let question = snapshot.entry(&entry.entry_id).map_or(String::new(), |entry| entry.question.clone());
        (entry.clone(), question)
    };
    let template = InsightPage {
        frame,
        bar,
        t,
        days,
        spans: [7, 30, 90, 365],
        deflection: percent(insight.deflection),
        satisfaction: percent(insight.total.satisfaction),
        mix: plot(&mix, None),
        mood: plot(&[series(|day| day.satisfaction().map(|share| share * 100.0))], Some(100.0)),
        entries: insight.entries.iter().take(SHOWN).map(named).collect(),
        insight,
    };
    Ok(page(&template, t, asked))
}

/// Lines over the days as SVG that takes its ink from the page; days without a value are skipped. Empty if it cannot be
/// drawn: the table beside it has the numbers.
fn plot(series: &[Vec<Option<f64>>], top: Option<f64>) -> String {
    let days = series.first().map_or(0, Vec::len);
    let highest = series.iter().flatten().flatten().copied().fold(1.0, f64::max);
    let top = top.unwrap_or(highest * 1.1);
    let mut svg = String::new();
    let drawn = (|| -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(28)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..days.saturating_sub(1).max(1) as f64, 0.0..top)?;
        let text = ("sans-serif", 15).into_font().color(&BLACK);
        let back = |day: &f64| format!("{:.0}", day - days.saturating_sub(1) as f64);
        // Only whole numbers: there is no half question.
        let whole = |count: &f64| if count.fract() == 0.0 { format!("{count:.0}") } else { String::new() };
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .axis_style(BLACK.mix(0.6))
            .x_labels(7)
            .y_labels(5)
            .x_label_formatter(&back)
            .y_label_formatter(&whole)
            .label_style(text)
            .draw()?;
        for (values, color) in series.iter().zip(LINES) {
            let points: Vec<(f64, f64)> =
                values.iter().enumerate().filter_map(|(day, value)| Some((day as f64, (*value)?))).collect();
            chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 3, color.filled())))?;
        }
        area.present()
    })();
    if drawn.is_err() {
        return String::new();
    }
    let size = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    svg.replace("\"#000000\"", "\"currentColor\"").replacen(&size, "aria-hidden=\"true\"", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_drawn_whatever_there_is() {
        for series in [
            vec![],
            vec![vec![]],
            vec![vec![None, None]],
            vec![vec![Some(0.0)]],
            vec![vec![Some(3.0), None, Some(7.0)]],
        ] {
            let svg = plot(&series, None);
            assert!(
                svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("width=\"720\""),
                "{svg}"
            );
        }
    }
}
