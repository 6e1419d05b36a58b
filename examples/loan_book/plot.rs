//! How many days decisions took, as a picture.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

/// Draws a bar for each number of days.
pub(crate) fn draw(path: &Path, days: &[(u64, u64)]) -> Result<(), Box<dyn Error>> {
    let longest = days.iter().map(|(day, _)| *day).max().unwrap_or_default();
    let highest = days.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let root = SVGBackend::new(path, (900, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("From submission to decision", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(80)
        .build_cartesian_2d(0..longest + 1, 0..highest + highest / 10 + 1)?;
    chart.configure_mesh().x_desc("days").y_desc("loans").light_line_style(WHITE).draw()?;
    chart.draw_series(days.iter().map(|(day, count)| {
        Rectangle::new([(*day, 0), (day + 1, *count)], RGBColor(0, 90, 180).filled())
    }))?;
    root.present()?;
    Ok(())
}
