//! The devices that the tests run on.

use burn::tensor::Device;

/// Runs `test` on the CPU and, with the feature `gpu`, on the GPU.
pub fn on_every_device(test: impl Fn(&Device)) {
    eprintln!("on the CPU:");
    test(&Device::flex());
    #[cfg(feature = "gpu")]
    if let Some(device) = gpu() {
        eprintln!("on the GPU:");
        test(&device);
    }
}

/// The GPU. Where there is none its tests are skipped, and fail if `ADATOM_REQUIRE_GPU=1`.
#[cfg(feature = "gpu")]
fn gpu() -> Option<Device> {
    use burn::tensor::wgpu::WgpuBackend;
    use std::sync::OnceLock;

    static GPU: OnceLock<Result<Device, String>> = OnceLock::new();
    let api = if cfg!(target_vendor = "apple") { WgpuBackend::Metal } else { WgpuBackend::Vulkan };
    let options = Device::wgpu_options().graphics_api(api);
    match GPU.get_or_init(|| options.init().map_err(|error| error.to_string())) {
        Ok(device) => Some(device.clone()),
        Err(reason) => {
            assert!(std::env::var("ADATOM_REQUIRE_GPU").as_deref() != Ok("1"), "no GPU: {reason}");
            // Unlike `eprintln!` this is seen of a test that passes, too.
            std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("SKIPPED on the GPU: {reason}\n").as_bytes(),
            )
            .unwrap();
            None
        }
    }
}
