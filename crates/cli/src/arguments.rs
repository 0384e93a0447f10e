//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Finds, measures and restores every atom column in an atomic-resolution ADF-STEM image.
#[derive(Parser)]
#[command(name = "adatom", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Find the atom columns of an image
    Locate(Locate),
    /// Measure how well simulated samples are located and restored
    Evaluate(Evaluate),
    /// Tell how precisely the columns of an image are known, from its lattice
    Precision(Precision),
    /// Tell how precisely a planned experiment can locate a crystal's columns, and which it would miss
    Bound(Bound),
    /// Tell what the network's denoising does to positions, by injecting known shifts
    Audit(Audit),
    /// Measure localisers on simulated samples: the paper's figures
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Measure how sure a model's columns are, and keep it in its card: the score
    Calibrate(Calibrate),
    /// Train a network on samples made on the fly, or on a library on disk
    Train(Train),
    /// Fine-tune the network on one crystal under your microscope's conditions
    Adapt(Adapt),
    /// Make labelled samples of a recipe
    Simulate(Simulate),
    /// Build, check and look at libraries of labelled samples on disk
    Library {
        #[command(subcommand)]
        command: LibraryCommand,
    },
    /// Look into recipes
    Recipe {
        #[command(subcommand)]
        command: RecipeCommand,
    },
    /// Describe this program and its network, or what is in a file
    Info(Info),
    /// Write an image or found columns in another format
    Convert(Convert),
    /// Open the desktop app: see, find, edit, measure and export columns in a window
    Desktop(Desktop),
    /// Serve a library as a web site: search, look, compare, download
    Serve(Serve),
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Device {
    Auto,
    Cpu,
    Gpu,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Method {
    /// Intensity-weighted centres, touching columns separated
    Centroid,
    /// The paper's: Otsu's threshold, connected areas, geometric centres
    Otsu,
    /// Gaussians fitted to the image by least squares, neighbours together
    Gaussian,
    /// Columns fitted to the image by Poisson's likelihood, the network's places weighed in
    Mle,
    /// As mle, with --descan
    Auto,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Shape {
    Round,
    Elliptical,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Sampling {
    /// A pixel is the image at its centre, as a scanned probe gives it
    Point,
    /// A pixel is the mean over its area, as a camera gives it
    Integrated,
}

/// What kind of network is trained.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Restores images and maps columns
    Unet,
    /// The detector that the paper compares with: boxes around columns, nothing restored
    FasterRcnn,
}

/// What a U-Net minimises.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Loss {
    /// The paper's modified chi-square
    ChiSquare,
    /// Mean squared error
    Mse,
    /// Mean squared error for the two masks, chi-square for the images
    Mixed,
}

/// Which network, where.
#[derive(Args)]
pub struct Network {
    /// Weights to use instead of the built-in ones: a training's folder or a .safetensors file
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    pub device: Device,
}

/// Which image of a file.
#[derive(Args)]
pub struct Choice {
    /// Signal of a file with several: its name or its number [default: the image of a STEM detector, HAADF before others, or the first]
    #[arg(long, value_name = "NAME")]
    pub signal: Option<String>,
    /// Frame of a stack, from 0
    #[arg(long)]
    pub frame: Option<usize>,
    /// Image from spectra or diffraction patterns: sum, or FROM:TO in the unit of the spectrum's
    /// axis or of the pattern's radius
    #[arg(long = "virtual", value_name = "BAND")]
    pub virtual_image: Option<String>,
}

/// How a crystal stands under the beam.
#[derive(Args)]
pub struct Beam {
    /// Zone axis, such as 110 or "1 -1 0"
    #[arg(long, allow_hyphen_values = true)]
    pub zone: String,
    /// Beam energy in kV
    #[arg(long)]
    pub energy_kv: f64,
    /// Convergence semi-angle in mrad
    #[arg(long)]
    pub semiangle_mrad: f64,
}

/// How columns are found.
#[derive(Args)]
pub struct Localiser {
    /// Factor from the image's pixels to the network's: auto, a number, or the length of the shortest lattice
    /// vector there, such as 22px
    #[arg(long, default_value = "auto")]
    pub scale: String,
    /// The localiser
    #[arg(long, value_enum, default_value = "centroid")]
    pub method: Method,
    /// Score, 0 to 1, below which a column is not reported
    #[arg(long, default_value_t = adatom::LocateSettings::default().threshold)]
    pub threshold: f64,
    /// Solve for the displacement of every scanned row too; with the methods gaussian and mle
    #[arg(long)]
    pub descan: bool,
    /// Shape of the fitted Gaussians
    #[arg(long, value_enum, default_value = "round")]
    pub shape: Shape,
    /// What a pixel's value is, for the fits
    #[arg(long, value_enum, default_value = "point")]
    pub sampling: Sampling,
    /// Image units an electron, for the fits [default: measured from the image]
    #[arg(long)]
    pub gain: Option<f64>,
    /// Image value without electrons; with --gain
    #[arg(long, requires = "gain", default_value_t = 0.0, allow_hyphen_values = true)]
    pub offset: f64,
}

#[derive(Args)]
pub struct Desktop {
    /// An image or a session (.adatom) to open
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Args)]
pub struct Locate {
    /// A microscope's file, such as DM3, DM4, EMD, SER, MRC or TIFF
    pub image: PathBuf,
    /// Result folder [default: IMAGE.adatom]
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Pixel size, such as 0.094A, 9.4pm or 0.0094nm
    #[arg(long)]
    pub pixel_size: Option<String>,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub localiser: Localiser,
    #[command(flatten)]
    pub network: Network,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Evaluate {
    /// Built-in recipe or TOML file
    #[arg(long, default_value = "paper")]
    pub recipe: String,
    /// Seed of the samples
    #[arg(long, default_value_t = 2)]
    pub seed: u64,
    /// Number of samples
    #[arg(long, default_value_t = 500)]
    pub count: u64,
    /// A Faster R-CNN to evaluate instead of the network, at the scale that the network chooses: a
    /// training's folder or a .safetensors file
    #[arg(long, value_name = "PATH")]
    pub detector: Option<PathBuf>,
    /// Write a plot of how often columns of a score are right to this PNG
    #[arg(long, value_name = "FILE")]
    pub reliability: Option<PathBuf>,
    #[command(flatten)]
    pub simulations: Simulations,
    #[command(flatten)]
    pub localiser: Localiser,
    #[command(flatten)]
    pub network: Network,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Precision {
    /// A microscope's file with a crystal lattice
    pub image: PathBuf,
    /// Pixel size, such as 0.094A, 9.4pm or 0.0094nm
    #[arg(long)]
    pub pixel_size: Option<String>,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub network: Network,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Bound {
    /// The crystal: a CIF file or a built-in material
    #[arg(value_name = "CIF")]
    pub structure: String,
    #[command(flatten)]
    pub beam: Beam,
    /// Turn of the crystal on the screen, counter-clockwise, in degrees
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub rotation_deg: f64,
    /// Thickness along the beam, such as 100A or 10nm
    #[arg(long, default_value = "100A")]
    pub thickness: String,
    /// Atoms closer than this in projection make one column
    #[arg(long, default_value = "0.4A")]
    pub merge: String,
    /// Full width at half maximum of the source's image, such as 0.8A
    #[arg(long, default_value = "0.8A")]
    pub source_size: String,
    /// Defocus in Å, positive for underfocus
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub defocus_angstrom: f64,
    /// Spherical aberration C3 in mm
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub c3_mm: f64,
    /// Spherical aberration C5 in mm
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub c5_mm: f64,
    /// Pixel size, such as 0.1A, 10pm or 0.01nm
    #[arg(long)]
    pub pixel_size: String,
    /// Electrons of the beam on a square ångström, or several such doses
    #[arg(long, value_delimiter = ',', required = true)]
    pub dose: Vec<f64>,
    /// Inner and outer semi-angle of the detector in mrad
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "80,200")]
    pub detector_mrad: Vec<f64>,
    /// Part of the beam that the brightest point scatters onto the detector [default: from cross-sections,
    /// thickness and detector]
    #[arg(long)]
    pub peak_fraction: Option<f64>,
    /// Constant background, in units of the brightest point
    #[arg(long, default_value_t = 0.1)]
    pub background: f64,
    /// Displacement of the rows along x and along y, root mean square, each row's independent, such as 0.1A
    #[arg(long, default_value = "0A")]
    pub jitter: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum BenchCommand {
    /// Position errors of all localisers on simulated samples, by PSNR: the paper's Fig. 6
    Localisation(BenchLocalisation),
    /// Columns found at particles' edges by thickness, and invented beyond: the paper's Fig. 9
    Edges(BenchFigure),
    /// Columns found in an under-resolved spinel by separation: the paper's Fig. 10
    Spinel(BenchFigure),
}

/// What all benchmarks ask for.
#[derive(Args)]
pub struct BenchRun {
    /// Seed of the samples
    #[arg(long, default_value_t = 5)]
    pub seed: u64,
    /// Write the table to this CSV file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub network: Network,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Samples of one figure of the paper.
#[derive(Args)]
pub struct BenchFigure {
    /// PSNR of the shot noise alone, in dB
    #[arg(long, default_value_t = 20.0)]
    pub psnr: f64,
    /// Number of samples of every kind
    #[arg(long, default_value_t = 12)]
    pub count: u64,
    /// Score, 0 to 1, below which a column is not reported
    #[arg(long, default_value_t = adatom::LocateSettings::default().threshold)]
    pub threshold: f64,
    #[command(flatten)]
    pub run: BenchRun,
}

#[derive(Args)]
pub struct Audit {
    /// A microscope's file
    #[arg(required_unless_present = "recipe")]
    pub image: Option<PathBuf>,
    /// Samples of this recipe instead, whose truth is known: built-in or TOML file
    #[arg(long, conflicts_with_all = ["image", "pixel_size", "signal", "frame", "virtual_image", "scale"])]
    pub recipe: Option<String>,
    /// Number of samples of the recipe
    #[arg(long, default_value_t = 12)]
    pub count: u64,
    /// PSNR of the samples' shot noise alone, in dB
    #[arg(long, default_value_t = 20.0)]
    pub psnr: f64,
    /// Seed of the samples
    #[arg(long, default_value_t = 5)]
    pub seed: u64,
    /// Pixel size, such as 0.094A, 9.4pm or 0.0094nm
    #[arg(long)]
    pub pixel_size: Option<String>,
    /// Factor from the image's pixels to the network's: auto, a number, or the length of the shortest lattice
    /// vector there, such as 22px
    #[arg(long)]
    pub scale: Option<String>,
    #[command(flatten)]
    pub choice: Choice,
    #[command(flatten)]
    pub network: Network,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BenchLocalisation {
    /// Built-in recipe or TOML file
    #[arg(long, default_value = "paper")]
    pub recipe: String,
    /// PSNRs of the shot noise alone, in dB
    #[arg(long, value_delimiter = ',', default_value = "8,10,15,20,25,30,35,40")]
    pub psnr: Vec<f64>,
    /// Number of samples at each, with displaced rows and without
    #[arg(long, default_value_t = 12)]
    pub count: u64,
    /// Also the boxes of a Faster R-CNN: a training's folder or a .safetensors file
    #[arg(long, value_name = "PATH")]
    pub detector: Option<PathBuf>,
    /// Draw the errors over the PSNR into this PNG or SVG file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub run: BenchRun,
}

#[derive(Args)]
pub struct Calibrate {
    /// A training's folder or a .safetensors file, whose card is rewritten
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// Built-in recipes or TOML files
    #[arg(long, value_delimiter = ',', default_value = "paper,training")]
    pub recipes: Vec<String>,
    /// Seed of the samples
    #[arg(long, default_value_t = 3)]
    pub seed: u64,
    /// Number of samples of each recipe
    #[arg(long, default_value_t = 300)]
    pub count: u64,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    pub device: Device,
}

#[derive(Args)]
pub struct Train {
    /// The network to train
    #[arg(long, value_enum, default_value = "unet")]
    pub model: Kind,
    /// Built-in recipe or TOML file
    #[arg(long, default_value = "extended", conflicts_with = "library")]
    pub recipe: String,
    /// Library on disk to train on instead: 75 % of it, the rest is the test
    #[arg(long, value_name = "DIR")]
    pub library: Option<PathBuf>,
    /// Folder for checkpoints, the curve and the weights
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on from the folder's checkpoint, with its settings
    #[arg(long, conflicts_with_all = ["init", "steps", "batch", "widths", "tasks", "loss", "rate", "warmup", "seed", "checkpoint"])]
    pub resume: bool,
    /// Start from the weights of this model, of the same kind, instead of random ones
    #[arg(long, value_name = "PATH")]
    pub init: Option<PathBuf>,
    /// Steps
    #[arg(long, default_value_t = 12000)]
    pub steps: u64,
    /// Stop after this step with a checkpoint, as Ctrl-C would
    #[arg(long, value_name = "STEP")]
    pub stop_after: Option<u64>,
    /// Samples a step
    #[arg(long, default_value_t = 8)]
    pub batch: usize,
    /// Channels of each level
    #[arg(long, value_delimiter = ',', default_value = "16,32,64,128")]
    pub widths: Vec<usize>,
    /// Labels that the U-Net learns, by the library's names [default: all five]
    #[arg(long, value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// What the U-Net minimises
    #[arg(long, value_enum, default_value = "chi-square")]
    pub loss: Loss,
    /// Highest learning rate
    #[arg(long, default_value_t = 2e-3)]
    pub rate: f64,
    /// Steps over which the rate rises
    #[arg(long, default_value_t = 100)]
    pub warmup: u64,
    /// Seed of weights and samples
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 200)]
    pub checkpoint: u64,
    /// Threads that make samples
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    pub device: Device,
}

#[derive(Args)]
pub struct Adapt {
    /// The crystal: a CIF file or a built-in material
    #[arg(long, value_name = "CIF")]
    pub structure: String,
    #[command(flatten)]
    pub beam: Beam,
    /// Pixel size of your images, such as 0.1A, 10pm or 0.01nm [default: that of --image]
    #[arg(long)]
    pub pixel_size: Option<String>,
    /// An image of the session: dose, jitter, background and probe width are taken from it
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    #[command(flatten)]
    pub choice: Choice,
    /// An image of the session with columns checked by hand, as the desktop app exports labels: a model
    /// that finds them worse is not written
    #[arg(long, value_name = "DIR")]
    pub labels: Option<PathBuf>,
    /// Minutes to train
    #[arg(long, default_value_t = 5.0)]
    pub minutes: f64,
    /// Held-back samples to judge the models by
    #[arg(long, default_value_t = 60)]
    pub samples: u64,
    /// Folder for the new model
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    #[command(flatten)]
    pub network: Network,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Simulate {
    /// Built-in recipe or TOML file
    #[arg(long, default_value = "paper")]
    pub recipe: String,
    /// Seed of the samples
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of samples
    #[arg(long, default_value_t = 12)]
    pub count: u64,
    /// Write the samples 1 to COUNT as a library into this folder, as library build does
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write a contact sheet to this PNG
    #[arg(long, value_name = "FILE")]
    pub sheet: Option<PathBuf>,
    /// Write the image of one sample to this 16-bit TIFF
    #[arg(long, value_name = "FILE")]
    pub tiff: Option<PathBuf>,
    /// The sample that --tiff writes
    #[arg(long, default_value_t = 1)]
    pub index: u64,
    /// How a specimen becomes an image [default: what the recipe says]
    #[arg(long, value_enum)]
    pub model: Option<ImagingModel>,
    #[command(flatten)]
    pub simulations: Simulations,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ImagingModel {
    /// Object function convolved with the probe
    Linear,
    /// The wave through the crystal, slice by slice
    Multislice,
}

#[derive(Args)]
pub struct Simulations {
    /// Folder in which multislice simulations are kept and gone on with [default: the name of the output, or of the recipe
    /// where nothing is written, with .multislice]
    #[arg(long, value_name = "DIR")]
    pub simulations: Option<PathBuf>,
    /// Print what the multislice simulations will cost, and stop
    #[arg(long)]
    pub plan: bool,
}

#[derive(Args)]
pub struct Serve {
    /// Folder of the library
    pub folder: PathBuf,
    /// Address and port; port 0 takes a free one, 0.0.0.0 listens to the whole network
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Archives that are made at once at most, 1 to 1000
    #[arg(long, default_value_t = 16)]
    pub archives: usize,
    /// Address by which people know the site behind a proxy, such as https://library.example.org
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
}

#[derive(Subcommand)]
pub enum LibraryCommand {
    /// Write the samples of a recipe, all or a range of them
    Build(LibraryBuild),
    /// Join the parts of a library that were built by --range
    Merge(LibraryMerge),
    /// Check counts, hashes and that the labels agree
    Verify(LibraryVerify),
    /// Tell what a library is
    Info(LibraryInfo),
    /// Draw the images of samples spread over a library
    Sheet(LibrarySheet),
    /// Draw one sample with all its labels
    Show(LibraryShow),
    /// Measure noise, scan jitter and the width of columns in a library's images, as histograms
    Histograms(LibraryHistograms),
    /// Make a library of a folder such as a download of TEMImageNet; only adds library.json and samples.jsonl
    Import(LibraryImport),
}

#[derive(Args)]
pub struct LibraryBuild {
    /// Built-in recipe or TOML file
    pub recipe: String,
    /// Folder of the library
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Seed of the samples
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Numbers of the first and the last sample [default: all of an enumerated recipe]
    #[arg(long, value_name = "A..B")]
    pub range: Option<String>,
    /// What is kept of each sample, by the published library's names [default: all]
    #[arg(long, value_delimiter = ',')]
    pub labels: Vec<String>,
    /// A folder a label as the published library, tar shards of 1000 samples, or a zarr store
    #[arg(long, value_enum, default_value = "temimagenet")]
    pub format: Layout,
    /// Bits of the images: PNG, or float TIFF
    #[arg(long, value_enum, default_value = "8")]
    pub depth: Depth,
    /// Threads [default: one a processor]
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Go on with a build that was stopped or killed
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub simulations: Simulations,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Layout {
    Temimagenet,
    Webdataset,
    Zarr,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Depth {
    #[value(name = "8")]
    Eight,
    #[value(name = "16")]
    Sixteen,
    Float,
}

#[derive(Args)]
pub struct LibraryMerge {
    /// Folders of the parts
    #[arg(required = true)]
    pub parts: Vec<PathBuf>,
    /// Folder of the whole library
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

#[derive(Args)]
pub struct LibraryVerify {
    /// Folder of the library
    pub folder: PathBuf,
    /// Threads [default: one a processor]
    #[arg(long)]
    pub jobs: Option<usize>,
}

#[derive(Args)]
pub struct LibraryInfo {
    /// Folder of the library
    pub folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct LibrarySheet {
    /// Folder of the library
    pub folder: PathBuf,
    /// The picture
    #[arg(short, long, value_name = "PNG")]
    pub output: PathBuf,
    /// Number of samples
    #[arg(long, default_value_t = 64)]
    pub count: usize,
}

#[derive(Args)]
pub struct LibraryHistograms {
    /// Folder of the library
    pub folder: PathBuf,
    /// A picture of the histograms
    #[arg(short, long, value_name = "PNG")]
    pub output: Option<PathBuf>,
    /// Number of samples whose images are measured
    #[arg(long, default_value_t = 500)]
    pub count: usize,
}

#[derive(Args)]
pub struct LibraryShow {
    /// Folder of the library
    pub folder: PathBuf,
    /// Number of the sample
    pub id: u64,
    /// The picture [default: NNNNN.png, here]
    #[arg(short, long, value_name = "PNG")]
    pub output: Option<PathBuf>,
}

#[derive(Args)]
pub struct LibraryImport {
    /// Folder with image/00001.png and so on
    pub folder: PathBuf,
}

#[derive(Subcommand)]
pub enum RecipeCommand {
    /// Check a recipe and print its resolved form
    Check(RecipeCheck),
}

#[derive(Args)]
pub struct RecipeCheck {
    /// Built-in recipe or TOML file
    pub recipe: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Info {
    /// A file to describe instead of the program
    pub file: Option<PathBuf>,
    /// Also the sum, the extremes and the first and last values of every signal
    #[arg(long, requires = "file")]
    pub stats: bool,
    /// Also the file's own tags
    #[arg(long, requires = "file")]
    pub tags: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Convert {
    /// An image, or the atoms.csv of a result folder for .xyz and .cif
    pub input: PathBuf,
    /// Where to: .tif (32-bit float), .png (figure), .npy, .emd, .hspy, .xyz or .cif
    pub output: PathBuf,
    #[command(flatten)]
    pub choice: Choice,
    /// Pixel size, such as 0.094A, 9.4pm or 0.0094nm
    #[arg(long)]
    pub pixel_size: Option<String>,
    /// The atoms.csv of columns to mark in .hspy and .png, or to write as .xyz or .cif
    #[arg(long, value_name = "FILE")]
    pub columns: Option<PathBuf>,
    /// Chemical symbol of the columns in .xyz and .cif
    #[arg(long, default_value = "X")]
    pub element: String,
}
