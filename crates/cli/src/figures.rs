//! The paper's figures as tables.

use crate::arguments::BenchFigure;
use crate::commands::{Bar, Done, Failure, check_threshold, open_model, say};
use crate::measure::{check_samples, write_table};
use adatom::{Edges, FigureSettings, Spinel};
use std::fmt::Display;

pub fn edges(options: &BenchFigure) -> Done {
    let settings = settings(options)?;
    let model = open_model(&options.run.network)?;
    let mut bar = Bar::new("locating");
    let found = adatom::edges(&settings, &model, &mut |part| bar.show(part))?;
    bar.clear();
    if write_table(&options.run, serde_json::to_value(&found), &edges_csv(&found))? {
        return Ok(());
    }
    say(&format!(
        "{:<12} {:<9} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "structure", "method", "atoms", "columns", "found", "recall", "ideal"
    ));
    for group in &found.groups {
        for row in &group.thickness {
            say(&format!(
                "{:<12} {:<9} {:>7} {:>7} {:>7} {:>7.4} {:>7.4}",
                group.structure,
                group.method,
                range(row.atoms_least, row.atoms_most),
                row.columns,
                row.found,
                row.recall,
                row.ideal
            ));
        }
    }
    say(&format!(
        "\n{:<12} {:<9} {:>7} {:>18} {:>9} {:>9} {:>9}",
        "structure", "method", "columns", "recall, 1-2 atoms", "in vacuum", "per 1000", "elsewhere"
    ));
    for group in &found.groups {
        say(&format!(
            "{:<12} {:<9} {:>7} {:>18.4} {:>9} {:>9.2} {:>9}",
            group.structure,
            group.method,
            group.columns,
            group.surface_recall,
            group.invented_in_vacuum,
            group.invented_per_1000,
            group.invented_elsewhere
        ));
    }
    Ok(())
}

pub fn spinel(options: &BenchFigure) -> Done {
    let settings = settings(options)?;
    let model = open_model(&options.run.network)?;
    let mut bar = Bar::new("locating");
    let found = adatom::spinel(&settings, &model, &mut |part| bar.show(part))?;
    bar.clear();
    if write_table(&options.run, serde_json::to_value(&found), &spinel_csv(&found))? {
        return Ok(());
    }
    say(&format!(
        "{:<12} {:<9} {:>22} {:>7} {:>7} {:>7} {:>8}",
        "structure", "method", "separation/resolution", "columns", "found", "recall", "RMSE pm"
    ));
    for row in &found.rows {
        say(&format!(
            "{:<12} {:<9} {:>22} {:>7} {:>7} {:>7.4} {:>8.2}",
            row.structure,
            row.method,
            range(row.separation_least, row.separation_most),
            row.columns,
            row.found,
            row.recall,
            row.rmse_pm
        ));
    }
    Ok(())
}

fn settings(options: &BenchFigure) -> Result<FigureSettings, Failure> {
    check_samples(options.count, &[options.psnr])?;
    check_threshold(options.threshold)?;
    let &BenchFigure { psnr: psnr_db, count, threshold, .. } = options;
    Ok(FigureSettings { psnr_db, count, seed: options.run.seed, threshold })
}

/// A range whose end may be open.
fn range<T: Display + PartialEq>(least: T, most: Option<T>) -> String {
    match most {
        Some(most) if most == least => least.to_string(),
        most => format!("{least}-{}", number(most)),
    }
}

fn number<T: Display>(value: Option<T>) -> String {
    value.map_or(String::new(), |v| v.to_string())
}

fn edges_csv(found: &Edges) -> String {
    let head = "structure,method,atoms_least,atoms_most,columns,found,recall,ideal,invented_per_1000\n";
    let lines = found.groups.iter().flat_map(|group| {
        group.thickness.iter().map(|row| {
            format!(
                "{},{},{},{},{},{},{},{},{}\n",
                group.structure,
                group.method,
                row.atoms_least,
                number(row.atoms_most),
                row.columns,
                row.found,
                row.recall,
                row.ideal,
                group.invented_per_1000
            )
        })
    });
    std::iter::once(head.to_owned()).chain(lines).collect()
}

fn spinel_csv(found: &Spinel) -> String {
    let head = "structure,method,separation_least,separation_most,columns,found,recall,rmse_pm\n";
    let lines = found.rows.iter().map(|row| {
        format!(
            "{},{},{},{},{},{},{},{}\n",
            row.structure,
            row.method,
            row.separation_least,
            number(row.separation_most),
            row.columns,
            row.found,
            row.recall,
            row.rmse_pm
        )
    });
    std::iter::once(head.to_owned()).chain(lines).collect()
}
