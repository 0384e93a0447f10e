use serde::{Deserialize, Serialize};
use std::fmt;

/// What a library keeps of a sample: the image and the labels of the paper's Table 2, by the published names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// The noisy image.
    #[serde(rename = "image")]
    Image,
    /// The image without noise.
    #[serde(rename = "noNoise")]
    NoNoise,
    /// The image without noise and background.
    #[serde(rename = "noBackgroundnoNoise")]
    NoBackgroundNoNoise,
    /// Narrow Gaussians that carry the columns' intensities.
    #[serde(rename = "noNoiseNoBackgroundSuperresolution")]
    Superresolution,
    /// `noBackgroundnoNoise` at half the pixel size.
    #[serde(rename = "noNoiseNoBackgroundUpinterpolation2x")]
    NoBackground2x,
    /// `noNoise` at half the pixel size.
    #[serde(rename = "noNoiseUpinterpolation2x")]
    NoNoise2x,
    /// Discs around the columns.
    #[serde(rename = "circularMask")]
    CircularMask,
    /// Discs of half the radius.
    #[serde(rename = "smallcircularMask")]
    SmallCircularMask,
    /// Narrow Gaussians of height one on the columns.
    #[serde(rename = "gaussianMask")]
    GaussianMask,
    /// A line a column: row and column in the image, counted from 1 \[px\].
    #[serde(rename = "position")]
    Position,
    /// The same with the radius \[px\].
    #[serde(rename = "positionRadius")]
    PositionRadius,
    /// Radius of the circular mask \[px\].
    #[serde(rename = "radius")]
    Radius,
    /// Radius of the small circular mask \[px\].
    #[serde(rename = "smallRadius")]
    SmallRadius,
    /// Thirteen numbers: field of view \[Å\], C₃ and C₅ \[mm\], defocus and twofold astigmatism \[Å\] (in the
    /// published files four zeros), beam energy \[kV\], 0, convergence semi-angle \[mrad\], source size \[Å\], two
    /// constants of the published files, and σ_jitter along both axes \[Å\].
    #[serde(rename = "params")]
    Params,
}

impl Label {
    /// All, the image first.
    pub const ALL: [Self; 14] = [
        Self::Image,
        Self::NoNoise,
        Self::NoBackgroundNoNoise,
        Self::Superresolution,
        Self::NoBackground2x,
        Self::NoNoise2x,
        Self::CircularMask,
        Self::SmallCircularMask,
        Self::GaussianMask,
        Self::Position,
        Self::PositionRadius,
        Self::Radius,
        Self::SmallRadius,
        Self::Params,
    ];

    /// The published library's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::NoNoise => "noNoise",
            Self::NoBackgroundNoNoise => "noBackgroundnoNoise",
            Self::Superresolution => "noNoiseNoBackgroundSuperresolution",
            Self::NoBackground2x => "noNoiseNoBackgroundUpinterpolation2x",
            Self::NoNoise2x => "noNoiseUpinterpolation2x",
            Self::CircularMask => "circularMask",
            Self::SmallCircularMask => "smallcircularMask",
            Self::GaussianMask => "gaussianMask",
            Self::Position => "position",
            Self::PositionRadius => "positionRadius",
            Self::Radius => "radius",
            Self::SmallRadius => "smallRadius",
            Self::Params => "params",
        }
    }

    /// The label of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }

    /// Whether it is an image rather than a text.
    pub fn is_image(self) -> bool {
        self < Self::Position
    }

    /// Pixels along an axis over those of the image.
    pub fn factor(self) -> usize {
        if matches!(self, Self::NoBackground2x | Self::NoNoise2x) { 2 } else { 1 }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
