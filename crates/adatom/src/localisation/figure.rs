//! Errors over the PSNR as a plot.

use super::{BOUND, Localisation, LocalisationRow};
use crate::canvas::{BLACK, Colour, GRID};
use crate::figure::Figure;

/// Size of a panel, room around its axes, and of the legend.
const PANEL: [f64; 2] = [330.0, 300.0];
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 38.0;
const LEGEND: f64 = 226.0;
const AXIS: Colour = [90, 90, 90];
/// Okabe and Ito's colours, told apart by everybody.
const COLOURS: [Colour; 7] = [
    [230, 159, 0],
    [86, 180, 233],
    [204, 121, 167],
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [130, 130, 130],
];
/// Values that get a line across.
const TICKS: [f64; 9] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0];

impl Localisation {
    /// Root-mean-square errors in pm over the PSNR, rows in place and displaced side by side, on logarithmic axes: Fig. 6 of
    /// the paper.
    pub fn figure(&self) -> Figure {
        let mut figure = Figure::new(2.0 * PANEL[0] + LEGEND, PANEL[1]);
        let errors = self.rows.iter().map(|row| row.rmse_pm).filter(|pm| *pm > 0.0);
        let (low, high) =
            errors.fold((f64::INFINITY, 0.0_f64), |(low, high), pm| (low.min(pm), high.max(pm)));
        let (low, high) = if low < high { (0.8 * low, 1.25 * high) } else { (0.5, 50.0) };
        let psnr = self.settings.psnr_db.iter().copied();
        let (first, last) = psnr.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let span = (last - first).max(1.0);
        let mut methods: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !methods.contains(&row.method.as_str()) {
                methods.push(&row.method);
            }
        }
        let colour = |number: usize| if methods[number] == BOUND { BLACK } else { COLOURS[number % 7] };
        for (panel, jitter) in [false, true].into_iter().enumerate() {
            let (from, to) = (panel as f64 * PANEL[0] + LEFT, (panel + 1) as f64 * PANEL[0] - RIGHT);
            let x = |db: f64| from + (0.03 + 0.94 * (db - first) / span) * (to - from);
            let y = |pm: f64| TOP + (high / pm).ln() / (high / low).ln() * (PANEL[1] - TOP - BOTTOM);
            for tick in TICKS.into_iter().filter(|tick| (low..=high).contains(tick)) {
                figure.line((from, y(tick)), (to, y(tick)), 0.7, GRID);
                let label = format!("{tick}");
                figure.text(from - 6.0 - Figure::width_of(&label), y(tick) - 4.0, &label);
            }
            for db in &self.settings.psnr_db {
                figure.line((x(*db), TOP), (x(*db), PANEL[1] - BOTTOM), 0.7, GRID);
                let label = format!("{db}");
                figure.text(x(*db) - 0.5 * Figure::width_of(&label), PANEL[1] - BOTTOM + 6.0, &label);
            }
            let corner = (from, PANEL[1] - BOTTOM);
            figure.line((from, TOP), corner, 1.0, AXIS);
            figure.line(corner, (to, PANEL[1] - BOTTOM), 1.0, AXIS);
            let mut centred = |top: f64, text: &str| {
                figure.text(0.5 * (from + to - Figure::width_of(text)), top, text);
            };
            centred(6.0, if jitter { "rows displaced" } else { "rows in place" });
            centred(PANEL[1] - 16.0, "PSNR (dB)");
            if panel == 0 {
                figure.text(2.0, 6.0, "RMSE (pm)");
            }
            for (number, method) in methods.iter().enumerate() {
                let own = |row: &&LocalisationRow| {
                    row.jitter == jitter && row.method == *method && row.rmse_pm > 0.0
                };
                let mut points: Vec<(f64, f64)> =
                    self.rows.iter().filter(own).map(|row| (x(row.psnr_db), y(row.rmse_pm))).collect();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                points.windows(2).for_each(|ends| figure.line(ends[0], ends[1], 1.5, colour(number)));
                points.iter().for_each(|point| figure.ring(*point, 2.5, colour(number)));
            }
        }
        for (number, method) in methods.iter().enumerate() {
            let (left, top) = (2.0 * PANEL[0] + 6.0, TOP + 16.0 * number as f64);
            figure.line((left, top + 4.0), (left + 18.0, top + 4.0), 1.5, colour(number));
            figure.ring((left + 9.0, top + 4.0), 2.5, colour(number));
            figure.text(left + 26.0, top, method);
        }
        figure
    }
}
