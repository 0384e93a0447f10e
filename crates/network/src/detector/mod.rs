//! Faster R-CNN (Ren et al. 2017), the detector that the paper compares with: the U-Net's trunk up to half
//! the resolution, anchors, proposals, RoIAlign and a head. Trained from scratch on the same samples.

mod anchors;
mod config;
mod detect;
mod losses;
mod network;
mod region;
mod roi_align;
mod sample;

pub use config::DetectorConfig;
pub use detect::{Detection, Detector};
pub use sample::{DetectionSample, Detections};
