//! What is kept from one start to the next, in the platform's own folders.

use crate::colour::Display;
use adatom_formats::write_atomically;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Files in the list of recent ones.
const RECENT: usize = 8;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// As the system.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Light or dark.
    pub look: Look,
    /// How pictures are shown.
    pub display: Display,
    /// Files opened last, the last first.
    pub recent: Vec<PathBuf>,
    /// Width of figures \[mm\].
    pub figure_mm: f32,
    /// Dots an inch of figures.
    pub figure_dpi: f32,
    /// Weights other than the built-in ones.
    pub model: Option<PathBuf>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            look: Look::default(),
            display: Display::default(),
            recent: Vec::new(),
            figure_mm: 85.0,
            figure_dpi: 300.0,
            model: None,
        }
    }
}

impl Preferences {
    /// Those of a folder; the default ones where there are none or they can't be read.
    pub fn load(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("desktop.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Keeps them.
    ///
    /// # Errors
    /// A message for the user.
    pub fn save(&self, folder: &Path) -> Result<(), String> {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_atomically(&folder.join("desktop.json"), |file| file.write_all(text.as_bytes()))
            .map_err(|e| e.to_string())
    }

    /// Puts a file first in the list of recent ones.
    pub fn opened(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.recent.retain(|other| *other != path);
        self.recent.insert(0, path);
        self.recent.truncate(RECENT);
    }
}

/// Where settings and what could be lost are kept.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Settings.
    pub config: PathBuf,
    /// Sessions kept against crashes.
    pub autosave: PathBuf,
}

impl Folders {
    /// Those of the platform, or of the temporary folder where it names none.
    pub fn of_platform() -> Self {
        match etcetera::choose_base_strategy() {
            Ok(base) => {
                let state = base.state_dir().unwrap_or_else(|| base.data_dir());
                Self {
                    config: base.config_dir().join("adatom"),
                    autosave: state.join("adatom").join("autosave"),
                }
            }
            Err(_) => Self::within(&std::env::temp_dir().join("adatom")),
        }
    }

    /// Within a folder.
    pub fn within(folder: &Path) -> Self {
        Self { config: folder.join("config"), autosave: folder.join("autosave") }
    }

    /// The file that this process keeps its session in.
    pub fn own_autosave(&self) -> PathBuf {
        self.autosave.join(format!("{}.adatom", std::process::id()))
    }

    /// Sessions that processes left that are no more.
    pub fn left_behind(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.autosave).into_iter().flatten().flatten();
        let dead = |path: &PathBuf| {
            let process = path.file_stem().and_then(|stem| stem.to_string_lossy().parse::<u32>().ok());
            let session = path.extension().is_some_and(|extension| extension == "adatom");
            session && process.is_some_and(|process| !is_running(process))
        };
        entries.map(|entry| entry.path()).filter(dead).collect()
    }
}

/// Whether a process of this number runs; where the system doesn't tell, only this one does.
fn is_running(process: u32) -> bool {
    process == std::process::id() || Path::new("/proc").join(process.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_come_back_and_broken_ones_are_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Preferences { look: Look::Dark, figure_dpi: 600.0, ..Preferences::default() };
        (0..12).for_each(|i| kept.opened(Path::new(&format!("/images/{i}.tif"))));
        kept.opened(Path::new("/images/7.tif"));
        kept.save(folder.path()).unwrap();
        let loaded = Preferences::load(folder.path());
        assert_eq!(loaded, kept);
        assert_eq!((loaded.recent.len(), loaded.recent[0].as_path()), (8, Path::new("/images/7.tif")));
        std::fs::write(folder.path().join("desktop.json"), "{").unwrap();
        assert_eq!(Preferences::load(folder.path()), Preferences::default());
    }

    #[test]
    fn only_sessions_of_processes_that_are_gone_are_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::within(folder.path());
        std::fs::create_dir_all(&folders.autosave).unwrap();
        let gone = folders.autosave.join("4194999.adatom");
        for path in [&gone, &folders.own_autosave(), &folders.autosave.join("notes.txt")] {
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(folders.left_behind(), [gone]);
    }
}
