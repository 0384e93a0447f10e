use crate::NetworkError;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Where the network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// The GPU if this program was built for one and one is there, else the CPU. A GPU that is
    /// imitated in software does not count: the CPU's own path is much faster.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU, be it imitated in software; an error if there is none.
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
            Self::Gpu => gpu(Software::Too),
            Self::Auto => Ok(gpu(Software::Not).unwrap_or_else(|_| Device::flex())),
        }
    }
}

/// Whether an adapter that is a program on the CPU is good enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Software {
    Too,
    Not,
}

/// The best adapter.
#[cfg(feature = "gpu")]
fn gpu(software: Software) -> Result<Device, NetworkError> {
    use burn::tensor::wgpu::{WgpuBackend, WgpuInitError, wgpu::DeviceType};
    use std::sync::OnceLock;

    // Left alone, the runtime would fall back to OpenGL, on which nothing here is tested.
    let api = if cfg!(target_vendor = "apple") { WgpuBackend::Metal } else { WgpuBackend::Vulkan };

    // The runtime can be initialised only once. With each device goes whether it is software.
    static OPENED: OnceLock<Result<(Device, bool), String>> = OnceLock::new();
    let opened = OPENED.get_or_init(|| match Device::wgpu_options().graphics_api(api).init_with_setup() {
        Ok((device, setup)) => Ok((device, setup.adapter.get_info().device_type == DeviceType::Cpu)),
        Err(WgpuInitError::AdapterUnavailable { .. }) => Err(format!("{api:?} finds no graphics adapter")),
        Err(error) => Err(error.to_string()),
    });
    let missing = |reason: &str| NetworkError::Device { wanted: "gpu", reason: reason.to_owned() };
    match opened {
        Ok((_, true)) if software == Software::Not => Err(missing("the only adapter is software")),
        Ok((device, _)) => Ok(device.clone()),
        Err(reason) => Err(missing(reason)),
    }
}

#[cfg(not(feature = "gpu"))]
fn gpu(_: Software) -> Result<Device, NetworkError> {
    let reason = "this program was built without the cargo feature \"gpu\"".to_owned();
    Err(NetworkError::Device { wanted: "gpu", reason })
}
