use adatom_library::{Generator, LibraryError, Sample};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Batches that a worker makes before they are asked for.
const AHEAD: usize = 2;

/// Endless batches of a recipe's samples, made ahead on threads of their own. Batch *n* holds the samples
/// `first + n × batch` and on, in order, whatever the number of threads.
pub struct SampleStream {
    lanes: Vec<Receiver<Result<Vec<Sample>, LibraryError>>>,
    next: usize,
}

impl SampleStream {
    /// Starts `workers` threads; they end when the stream is dropped.
    pub fn new(generator: &Arc<Generator>, first: u64, batch: usize, workers: usize) -> Self {
        let (batch, workers) = (batch.max(1) as u64, workers.max(1) as u64);
        let lanes = (0..workers).map(|worker| {
            let (sender, receiver) = sync_channel(AHEAD);
            let generator = Arc::clone(generator);
            thread::spawn(move || {
                for turn in 0.. {
                    let from = first + (turn * workers + worker) * batch;
                    let samples = (from..from + batch).map(|index| generator.sample(index)).collect();
                    // The receiver is gone when the stream was dropped.
                    if sender.send(samples).is_err() {
                        return;
                    }
                }
            });
            receiver
        });
        Self { lanes: lanes.collect(), next: 0 }
    }

    /// The next batch, `None` if its thread has died.
    ///
    /// # Errors
    /// When a sample can't be made.
    pub fn next_batch(&mut self) -> Result<Option<Vec<Sample>>, LibraryError> {
        let lane = &self.lanes[self.next];
        self.next = (self.next + 1) % self.lanes.len();
        lane.recv().ok().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_library::Recipe;

    #[test]
    fn batches_are_the_recipes_samples_in_order_whatever_the_threads() {
        let recipe = r#"
            name = "test"
            image = { width = 32, height = 32, field_of_view_angstrom = 8 }
            optics = [{ id = "a", energy_kv = 200, semiangle_mrad = 24, source_fwhm_angstrom = 0.8 }]
            structure = [{ material = "SrTiO3" }]
        "#;
        let generator = Arc::new(Generator::new(Recipe::from_toml(recipe, "test").unwrap(), 3).unwrap());
        for workers in [1, 3] {
            let mut stream = SampleStream::new(&generator, 5, 2, workers);
            for index in [5, 7, 9, 11] {
                let batch = stream.next_batch().unwrap().unwrap();
                assert_eq!(batch.iter().map(|sample| sample.index).collect::<Vec<_>>(), [index, index + 1]);
                assert_eq!(batch[1].image, generator.sample(index + 1).unwrap().image);
            }
        }
    }
}
