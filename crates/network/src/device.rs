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
    /// [`NetworkError::Device`] when a GPU is asked for and there is none, or this program was
    /// built without.
    pub fn open(self) -> Result<Device, NetworkError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu => gpu(),
            Self::Auto => Ok(gpu().unwrap_or_else(|_| Device::flex())),
        }
    }
}

#[cfg(feature = "gpu")]
fn gpu() -> Result<Device, NetworkError> {
    // The runtime panics, on first use, where it finds no adapter.
    std::panic::catch_unwind(|| {
        let device = Device::wgpu(burn::tensor::DeviceKind::default());
        let _ = burn::tensor::Tensor::<1>::zeros([1], &device).into_data();
        device
    })
    .map_err(|_| NetworkError::Device { wanted: "gpu", reason: "no graphics adapter was found".to_owned() })
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Result<Device, NetworkError> {
    let reason = "this program was built without the cargo feature \"gpu\"".to_owned();
    Err(NetworkError::Device { wanted: "gpu", reason })
}
