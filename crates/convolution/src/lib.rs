//! Fast `f32` convolutions, and the layers between them, on the CPU for
//! training small U-Nets with Burn.

#![deny(unsafe_op_in_unsafe_fn)]

pub mod kernels;
mod layers;
mod memory;
mod op;

pub use layers::max_pool_2x2;
pub use memory::keep_freed_memory;
pub use op::{Normalized, conv2d_double, conv2d_norm_relu, conv2d_relu, conv2d_same};
