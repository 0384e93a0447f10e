//! `adatom train`.

use crate::arguments as args;
use crate::commands::{Done, Failure, Steps, catch_interrupt, say};
use adatom::{Error, Initial, LibraryFolder, Model, Progress, TrainRequest, TrainSource};
use adatom_library::{Generator, Recipe};
use adatom_network::{DetectorConfig, Learner, NetworkConfig, Outcome, Schedule, Task, TrainConfig};
use std::sync::atomic::{AtomicBool, Ordering};

pub fn train(options: &args::Train) -> Done {
    match options.model {
        args::Kind::Unet => {
            let mut tasks = Vec::new();
            for name in &options.tasks {
                let known = || Task::ALL.map(Task::name).join(", ");
                tasks.push(
                    Task::from_name(name).ok_or_else(|| {
                        Failure::usage(format!("--tasks {name}: the labels are {}", known()))
                    })?,
                );
            }
            let tasks = if tasks.is_empty() { Task::ALL.to_vec() } else { tasks };
            let network = NetworkConfig { widths: options.widths.clone(), tasks };
            let initial = options.init.as_deref().map(Model::from_path).transpose()?;
            let initial = initial.as_ref().map(Into::into);
            run_training(options, network, initial, |request, stop, progress| {
                let (outcome, test_loss) = adatom::train(request, stop, progress)?;
                if let Some(loss) = test_loss {
                    say(&format!("test loss on the held-back quarter: {loss:.5}"));
                }
                Ok(outcome)
            })
        }
        args::Kind::FasterRcnn => {
            if options.library.is_some() || options.loss != args::Loss::ChiSquare || !options.tasks.is_empty()
            {
                return Err(Failure::usage("--library, --tasks and --loss are for --model unet alone"));
            }
            let network = DetectorConfig { widths: options.widths.clone(), ..DetectorConfig::default() };
            let initial = options.init.as_deref().map(adatom::read_detector).transpose()?;
            run_training(options, network, initial, adatom::train_detector)
        }
    }
}

/// Trains one kind of network with what the kinds have in common.
fn run_training<S: Learner + Default>(
    options: &args::Train,
    network: S,
    initial: Option<Initial<S>>,
    train: impl FnOnce(TrainRequest<'_, S>, &AtomicBool, &mut dyn FnMut(&Progress)) -> Result<Outcome, Error>,
) -> Done {
    let config = TrainConfig {
        network,
        batch: options.batch,
        loss: options.loss.into(),
        schedule: Schedule {
            peak_rate: options.rate,
            warmup_steps: options.warmup,
            total_steps: options.steps,
        },
        seed: options.seed,
        checkpoint_steps: options.checkpoint,
        workers: options.workers,
        ..TrainConfig::default()
    };
    // A resumed training sees the samples that it would have seen.
    let seed = if options.resume { adatom::checkpoint_seed::<S>(&options.out)? } else { options.seed };
    let (generator, library);
    let source = match &options.library {
        Some(path) => {
            library = LibraryFolder::open(path, seed)?;
            TrainSource::Library(&library)
        }
        None => {
            generator = Generator::new(Recipe::open(&options.recipe)?, seed)?;
            TrainSource::Recipe(&generator)
        }
    };
    let stop = catch_interrupt()?;
    let name = options.out.file_name().map_or("model".to_owned(), |name| name.to_string_lossy().into_owned());
    let request = TrainRequest {
        folder: &options.out,
        source,
        config,
        resume: options.resume,
        initial,
        device: options.device.into(),
        name,
    };
    let mut shown = Steps::default();
    let outcome = train(request, &stop, &mut |p: &Progress| {
        if options.stop_after.is_some_and(|step| p.step >= step) {
            stop.store(true, Ordering::Relaxed);
        }
        shown.say(p);
    })?;
    match outcome {
        Outcome::Finished => say(&format!("finished: {}", options.out.join("weights.safetensors").display())),
        Outcome::Stopped => say(&format!(
            "stopped after a checkpoint in {}: go on with --resume and the same recipe or library",
            options.out.display()
        )),
    }
    Ok(())
}
