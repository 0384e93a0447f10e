use crate::Error;
use adatom_formats::{Selection, read_image};
use adatom_imaging::SampleRng;
use adatom_library::hexadecimal;
use adatom_network::{Loss, NetworkError, Normalisation, Source, Task, TrainingSample, weigh};
use ndarray::{Array2, s};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Side of the patches that are cut from a library's images \[px\].
const PATCH: usize = 128;
/// The sides of patches are multiples of this, the largest stride of a network.
const STRIDE: usize = 32;
/// Part of a library that is trained on, as in the paper.
const TRAINING_PART: f64 = 0.75;

/// A library on disk, laid out as the published one: `image/NNNNN.png` and one folder a label
/// with files of the same names.
pub struct LibraryFolder {
    path: PathBuf,
    seed: u64,
    /// Rows and columns of the patches.
    patch: [usize; 2],
    training: Vec<String>,
    testing: Vec<String>,
}

impl LibraryFolder {
    /// Lists a library and splits it: three quarters for training, drawn by `seed`.
    ///
    /// # Errors
    /// When there is no `image` folder or fewer than four images in it.
    pub fn open(path: &Path, seed: u64) -> Result<Self, Error> {
        let images = path.join("image");
        let entries = std::fs::read_dir(&images).map_err(|e| Error::io(&images, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| Error::io(&images, e))?.file_name();
            if let Some(name) = name.to_str().filter(|name| name.ends_with(".png")) {
                names.push(name.to_owned());
            }
        }
        if names.len() < 4 {
            let message =
                format!("{} PNG images; a library needs at least 4 (image/00001.png, …)", names.len());
            return Err(Error::Input { path: images, message });
        }
        names.sort();
        let mut rng = SampleRng::new(seed, u64::MAX - 1);
        for last in (1..names.len()).rev() {
            names.swap(last, rng.index(last + 1));
        }
        let first = read_image(&images.join(&names[0]), &Selection::default())?;
        // Sides that every network's poolings divide.
        let patch = [first.height(), first.width()].map(|side| side.min(PATCH) / STRIDE * STRIDE);
        if patch.contains(&0) {
            let message = format!(
                "{} × {} px; a library's images have at least {STRIDE} a side",
                first.width(),
                first.height()
            );
            return Err(Error::Input { path: images.join(&names[0]), message });
        }
        let testing = names.split_off((names.len() as f64 * TRAINING_PART).round() as usize);
        Ok(Self { path: path.to_owned(), seed, patch, training: names, testing })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a checkpoint remembers of it.
    pub fn identity(&self) -> String {
        let mut names = Sha256::new();
        self.training.iter().chain(&self.testing).for_each(|name| names.update(format!("{name}\n")));
        let hash = hexadecimal(&names.finalize()[..8]);
        format!(
            "library of {} training and {} test images, split {hash}",
            self.training.len(),
            self.testing.len()
        )
    }

    /// The training part as a source of random patches.
    pub fn training<'a>(&'a self, tasks: &'a [Task], loss: Loss) -> impl Source + 'a {
        Patches { library: self, tasks, loss }
    }

    /// Patches of the first `count` images of the held-back part.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn test(
        &self,
        tasks: &[Task],
        loss: Loss,
        count: usize,
    ) -> Result<Vec<TrainingSample>, NetworkError> {
        let patches = Patches { library: self, tasks, loss };
        self.testing
            .iter()
            .take(count)
            .map(|name| patches.read(name, &mut SampleRng::new(self.seed, 0)))
            .collect()
    }
}

struct Patches<'a> {
    library: &'a LibraryFolder,
    tasks: &'a [Task],
    loss: Loss,
}

impl Source for Patches<'_> {
    fn sample(&self, index: u64) -> Result<TrainingSample, NetworkError> {
        let mut rng = SampleRng::new(self.library.seed, index);
        let name = &self.library.training[rng.index(self.library.training.len())];
        self.read(name, &mut rng)
    }
}

impl Patches<'_> {
    fn read(&self, name: &str, rng: &mut SampleRng) -> Result<TrainingSample, NetworkError> {
        let image = self.channel("image", name)?;
        let (height, width) = image.dim();
        let wrong = |label: &str, message: String| NetworkError::Io {
            path: self.library.path.join(label).join(name),
            source: std::io::Error::other(message),
        };
        let size = self.library.patch;
        if height < size[0] || width < size[1] {
            let message = format!("{width} × {height} px; it must be at least {} × {}", size[1], size[0]);
            return Err(wrong("image", message));
        }
        let (top, left) = (rng.index(height - size[0] + 1), rng.index(width - size[1] + 1));
        let cut = |image: &Array2<f32>| image.slice(s![top..top + size[0], left..left + size[1]]).to_owned();
        let patch = cut(&image);
        let normalisation = Normalisation::of(&patch);
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        for &task in self.tasks {
            let label = self.channel(task.name(), name)?;
            if label.dim() != (height, width) {
                let (h, w) = label.dim();
                return Err(wrong(task.name(), format!("{w} × {h} px; its image has {width} × {height}")));
            }
            let highest = label.iter().fold(f32::MIN_POSITIVE, |a, v| a.max(*v));
            let unit = match task {
                Task::CircularMask | Task::GaussianMask => 1.0 / highest,
                Task::NoNoise | Task::NoBackgroundNoNoise => 1.0,
                // Its grey scale is its own; that it preserves intensity tells its unit.
                Task::Superresolution => {
                    let bare = self.channel(Task::NoBackgroundNoNoise.name(), name)?;
                    bare.sum() / label.sum().max(f32::MIN_POSITIVE)
                }
            };
            let first = targets.len();
            targets.extend(cut(&label).iter().map(|v| normalisation.target(task, v * unit)));
            weigh(task, &targets[first..], self.loss, &mut weights);
        }
        Ok(TrainingSample {
            size,
            input: patch.iter().map(|v| normalisation.input(*v)).collect(),
            targets,
            weights,
        })
    }

    fn channel(&self, label: &str, name: &str) -> Result<Array2<f32>, NetworkError> {
        let path = self.library.path.join(label).join(name);
        read_image(&path, &Selection::default())
            .map(|image| image.data)
            .map_err(|e| NetworkError::Io { path, source: std::io::Error::other(e.to_string()) })
    }
}
