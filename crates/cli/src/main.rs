//! The `adatom` command: a thin face on the `adatom` crate. Exit codes: 0 fine, 2 bad usage or
//! input, 1 anything else.

mod arguments;
mod commands;
mod desktop;
mod figures;
mod files;
mod library;
mod measure;
mod multislice;
mod plan;
mod serve;
mod training;

use arguments::{Arguments, BenchCommand, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Tensors come and go in every layer: keeping freed memory saves a quarter of the time.
    adatom_convolution::keep_freed_memory();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Locate(options) => commands::locate(&options),
        Command::Evaluate(options) => commands::evaluate(&options),
        Command::Bound(options) => plan::bound(&options),
        Command::Audit(options) => measure::audit(&options),
        Command::Bench { command } => match command {
            BenchCommand::Localisation(options) => measure::localisation(&options),
            BenchCommand::Edges(options) => figures::edges(&options),
            BenchCommand::Spinel(options) => figures::spinel(&options),
        },
        Command::Precision(options) => measure::precision(&options),
        Command::Calibrate(options) => commands::calibrate(&options),
        Command::Train(options) => training::train(&options),
        Command::Adapt(options) => commands::adapt(&options),
        Command::Simulate(options) => commands::simulate(&options),
        Command::Recipe { command: arguments::RecipeCommand::Check(options) } => {
            commands::recipe_check(&options)
        }
        Command::Library { command } => library::library(&command),
        Command::Info(options) => files::info(&options),
        Command::Convert(options) => files::convert(&options),
        Command::Desktop(options) => desktop::desktop(&options),
        Command::Serve(options) => serve::serve(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("adatom: {}", error.message().replace('\n', " "));
            ExitCode::from(error.code())
        }
    }
}
