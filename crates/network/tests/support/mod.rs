//! The devices that the tests run on.

use adatom_network::DeviceChoice;
use burn::tensor::Device;

/// Runs `test` on the CPU and, with the feature `gpu`, on the GPU.
pub fn on_every_device(test: impl Fn(&Device)) {
    eprintln!("on the CPU:");
    test(&DeviceChoice::Cpu.open().unwrap());
    on_the_gpu(test);
}

/// Runs `test` on the GPU with the feature `gpu`. Where there is no GPU it is skipped, and fails
/// if `ADATOM_REQUIRE_GPU=1`.
pub fn on_the_gpu(test: impl Fn(&Device)) {
    if !cfg!(feature = "gpu") {
        return;
    }
    match DeviceChoice::Gpu.open() {
        Ok(device) => {
            eprintln!("on the GPU:");
            test(&device);
        }
        Err(reason) => {
            assert!(std::env::var("ADATOM_REQUIRE_GPU").as_deref() != Ok("1"), "{reason}");
            // Unlike `eprintln!` this is seen of a test that passes, too.
            std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("SKIPPED on the GPU: {reason}\n").as_bytes(),
            )
            .unwrap();
        }
    }
}
