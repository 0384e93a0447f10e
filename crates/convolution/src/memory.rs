//! The use of the C library's memory.

#![allow(unsafe_code)]

/// Asks the C library to keep the memory of large tensors when they are freed,
/// instead of giving it back to the system and fetching it again, page by page,
/// for the next one: a training step allocates the same tensors over and over,
/// and fresh pages cost a fifth to a third of its time.
///
/// Meant to be called once at the start of a program that trains. It concerns
/// the whole process. Returns whether it had an effect, which it only has with
/// glibc on Linux and if no other global allocator is in use.
pub fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use core::ffi::c_int;
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_THRESHOLD: c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: the signature is that of the C library, which allows the call
        // at any time and from any thread.
        let set = |parameter, value| unsafe { mallopt(parameter, value) } == 1;
        set(MMAP_THRESHOLD, 1 << 30) && set(TRIM_THRESHOLD, c_int::MAX)
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}
