//! The two plots of confidence, as SVG that takes its colour from the page, each with a title and description for screen
//! readers. The numbers are also in tables beside them.

use plotters::prelude::*;

use super::escape;
use crate::eval::figures::thinned;
use crate::eval::statistics::{Bin, Confidences, ones};

/// Size of a plot in its own units; the page scales it.
const SIZE: (u32, u32) = (640, 420);

/// Readable on white and on near-black.
const LINE: RGBColor = RGBColor(0x3b, 0x82, 0xf6);

/// Points of a curve at most; more cannot be seen.
const POINTS: usize = 400;

type Plotted = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Risk (error rate) against coverage, most confident first.
pub(super) fn risk_coverage(confidences: &Confidences) -> String {
    let shown = thinned(&confidences.risk_coverage(), POINTS);
    let top = shown.iter().map(|point| point.1).fold(0.1, f64::max);
    let weights = ones(confidences.items().len());
    let description = format!(
        "横軸は被覆率、縦軸は誤り率。適合率95%での被覆率は{}、曲線の下の面積は{}。",
        super::number(confidences.coverage_at(0.95, &weights)),
        super::number(confidences.aurc(&weights))
    );
    draw("リスク・被覆率曲線", &description, |area| {
        let mut chart = axes(area, top.min(1.0) * 1.05)?;
        mesh(&mut chart, "被覆率", "誤り率")?;
        for precision in [0.90, 0.95, 0.99] {
            let risk = 1.0 - precision;
            chart.draw_series(LineSeries::new([(0.0, risk), (1.0, risk)], BLACK.mix(0.35)))?;
            let label = format!("適合率 {:.0}%", precision * 100.0);
            let font = ("sans-serif", 13).into_font().color(&BLACK.mix(0.7));
            chart.draw_series([Text::new(label, (0.85, risk + top * 0.04), font)])?;
        }
        chart.draw_series(LineSeries::new(shown.iter().copied(), LINE.stroke_width(3)))?;
        if shown.len() < 20 {
            // So few thresholds that the line would hide where they are, or one that is no line at all.
            chart.draw_series(shown.iter().map(|point| Circle::new(*point, 4, LINE.filled())))?;
        }
        Ok(())
    })
}

/// Accuracy against confidence by bin, with the line where both agree and 95% intervals (Wilson).
pub(super) fn reliability(bins: &[Bin]) -> String {
    let used: Vec<&Bin> = bins.iter().filter(|bin| bin.count > 0).collect();
    let description = format!(
        "横軸は確信度、縦軸は正解率。{}区間に質問があり、対角線に近いほど確信度が正しい。",
        used.len()
    );
    draw("信頼度曲線", &description, |area| {
        let mut chart = axes(area, 1.0)?;
        mesh(&mut chart, "確信度", "正解率")?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.35)))?;
        for bin in &used {
            if let Some([low, high]) = bin.interval() {
                chart.draw_series(LineSeries::new(
                    [(bin.confidence, low), (bin.confidence, high)],
                    LINE.mix(0.6),
                ))?;
            }
        }
        let points: Vec<(f64, f64)> = used.iter().map(|bin| (bin.confidence, bin.accuracy)).collect();
        chart.draw_series(LineSeries::new(points.clone(), LINE.stroke_width(2)))?;
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, 5, LINE.filled())))?;
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn axes<'a, 'b>(area: &'a Area<'b>, top: f64) -> Result<Chart<'a, 'b>, DrawingAreaErrorKind<std::io::Error>> {
    ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..1.0, 0.0..top)
}

fn mesh(chart: &mut Chart<'_, '_>, x: &str, y: &str) -> Plotted {
    let text = ("sans-serif", 18).into_font().color(&BLACK);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .axis_style(BLACK.mix(0.6))
        .x_labels(6)
        .y_labels(6)
        .x_desc(x)
        .y_desc(y)
        .label_style(text.clone())
        .axis_desc_style(text)
        .draw()
}

/// Draws into an SVG with a title and a description; a plot that cannot be drawn says so in words.
fn draw(title: &str, description: &str, plot: impl FnOnce(&Area<'_>) -> Plotted) -> String {
    let mut svg = String::new();
    let plotted = {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        plot(&area).and_then(|()| area.present())
    };
    if let Err(error) = plotted {
        return format!("<p>{}を描けません: {}</p>\n", escape(title), escape(&error.to_string()));
    }
    let (title, description) = (escape(title), escape(description));
    // Colour and size are the page's affair.
    let svg = svg.replace("\"#000000\"", "\"currentColor\"");
    let size = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    let label = format!("role=\"img\" aria-label=\"{title}。{description}\"");
    let svg = svg.replacen(&size, &label, 1);
    format!("<figure>\n{svg}\n<figcaption><strong>{title}</strong> {description}</figcaption>\n</figure>\n")
}
