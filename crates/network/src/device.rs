use crate::NetworkError;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Where the network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The GPU if this program was built for one and one is there, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU; an error if there is none.
    Gpu,
}

impl DeviceChoice {
    /// The device.
    ///
    /// # Errors
    /// [`NetworkError::Device`] when a GPU is asked for and this program was built without.
    pub fn open(self) -> Result<Device, NetworkError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "gpu")]
            Self::Gpu | Self::Auto => Ok(Device::wgpu(burn::tensor::DeviceKind::default())),
            #[cfg(not(feature = "gpu"))]
            Self::Auto => Ok(Device::flex()),
            #[cfg(not(feature = "gpu"))]
            Self::Gpu => Err(NetworkError::Device {
                wanted: "gpu",
                reason: "this program was built without the cargo feature \"gpu\"".to_owned(),
            }),
        }
    }
}
