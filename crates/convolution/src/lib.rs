//! Fast `f32` convolutions, and the layers between them, on the CPU for
//! training small U-Nets with Burn.

#![deny(unsafe_op_in_unsafe_fn)]

pub mod kernels;
mod layers;
mod memory;
mod op;

pub use layers::{Normalized, batch_norm_relu, max_pool_2x2, upsample_2x};
pub use memory::keep_freed_memory;
pub use op::conv2d_same;
