use crate::Error;
use crate::plot::Series;
use adatom_network::StepReport;
use std::fmt::Write as _;
use std::path::Path;

/// Points of a plotted curve at most; more are averaged.
const PLOT_POINTS: usize = 400;

/// The rows of `curve.csv`: step, loss, rate, gradient norm and each part of the loss.
pub(crate) struct Curve {
    names: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Curve {
    /// A new curve, or that of a resumed training up to `step`.
    pub(crate) fn open(path: &Path, tasks: &[&str], step: u64) -> Result<Self, Error> {
        let names = ["step", "loss", "rate", "gradient_norm"].into_iter().chain(tasks.iter().copied());
        let mut curve = Self { names: names.map(str::to_owned).collect(), rows: Vec::new() };
        if step == 0 || !path.exists() {
            return Ok(curve);
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        for (number, line) in text.lines().enumerate().skip(1) {
            let row: Result<Vec<f64>, _> = line.split(',').map(str::parse).collect();
            match row {
                Ok(row) if row.len() == curve.names.len() && row[0] <= step as f64 => curve.rows.push(row),
                Ok(row) if row.len() == curve.names.len() => break,
                _ => {
                    let message = format!("line {}: expected {} numbers", number + 1, curve.names.len());
                    return Err(Error::Input { path: path.to_owned(), message });
                }
            }
        }
        Ok(curve)
    }

    pub(crate) fn add(&mut self, report: &StepReport) {
        let mut row = vec![report.step as f64, f64::from(report.loss), report.rate, report.gradient_norm];
        row.extend(report.task_losses.iter().map(|loss| f64::from(*loss)));
        self.rows.push(row);
    }

    pub(crate) fn csv(&self) -> String {
        let mut text = self.names.join(",");
        for row in &self.rows {
            // Writing to a string can't fail; the shortest form that reads back exactly.
            let _ = write!(text, "\n{}", row[0]);
            row[1..].iter().for_each(|value| {
                let _ = write!(text, ",{value:e}");
            });
        }
        text.push('\n');
        text
    }

    pub(crate) fn mean_of_last(&self, count: usize) -> f32 {
        let rows = &self.rows[self.rows.len().saturating_sub(count)..];
        (rows.iter().map(|row| row[1]).sum::<f64>() / rows.len().max(1) as f64) as f32
    }

    /// The losses, averaged over neighbouring steps.
    pub(crate) fn series(&self) -> Vec<Series> {
        let chunk = self.rows.len().div_ceil(PLOT_POINTS).max(1);
        (0..self.names.len())
            .filter(|column| *column == 1 || *column >= 4)
            .map(|column| Series {
                name: self.names[column].clone(),
                points: self
                    .rows
                    .chunks(chunk)
                    .map(|rows| {
                        let mean =
                            |column: usize| rows.iter().map(|r| r[column]).sum::<f64>() / rows.len() as f64;
                        (mean(0), mean(column))
                    })
                    .collect(),
            })
            .collect()
    }
}
