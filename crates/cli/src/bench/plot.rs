//! Throughput against writers, as a picture.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use super::Figure;

/// A line of the picture.
struct Line {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws the figures of appends.
pub(super) fn draw(path: &Path, figures: &[Figure]) -> Result<(), Box<dyn Error>> {
    let own = points(figures, "a stream each", |figure| Some(figure.value));
    let shared = points(figures, "one stream", |figure| Some(figure.value));
    let device = points(figures, "a stream each", |figure| figure.device);
    let lines = [
        Line { name: "the device alone", color: RGBColor(120, 120, 120), points: device },
        Line { name: "factlog, a stream each", color: RGBColor(0, 90, 180), points: own },
        Line { name: "factlog, one stream", color: RGBColor(200, 80, 0), points: shared },
    ];
    let highest =
        lines.iter().flat_map(|line| &line.points).map(|(_, rate)| *rate).fold(1.0, f64::max);
    let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Durable appends of 256 bytes, each answered after fdatasync", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(90)
        .build_cartesian_2d((0.9..300.0).log_scale(), (1_000.0..highest * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("concurrent writers")
        .y_desc("appends per second")
        .x_label_formatter(&|writers| format!("{writers:.0}"))
        .y_label_formatter(&|rate| thousands(*rate))
        .label_style(("sans-serif", 15))
        .light_line_style(WHITE)
        .draw()?;
    for Line { name, color, points } in lines {
        let dots = points.iter().map(|point| Circle::new(*point, 4, color.filled()));
        chart.draw_series(dots)?;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(3)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 16))
        .draw()?;
    root.present()?;
    Ok(())
}

fn points(
    figures: &[Figure],
    streams: &str,
    value: impl Fn(&Figure) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let of_figure = |figure: &Figure| {
        let writers = figure.what.strip_prefix("appends, ")?.split(' ').next()?.parse().ok()?;
        figure.what.ends_with(streams).then_some(())?;
        Some((writers, value(figure)?))
    };
    figures.iter().filter_map(of_figure).collect()
}

fn thousands(rate: f64) -> String {
    if rate >= 1e6 { format!("{} M", rate / 1e6) } else { format!("{} k", rate / 1e3) }
}
