//! The few vector operations the kernels are written in, once for each
//! instruction set.

#![allow(unsafe_code)]

/// A vector of `f32` and the arithmetic on it.
///
/// Every method is `inline(always)`: the intrinsics inside become single
/// instructions only once they are inlined into a function compiled for the
/// matching instruction set.
pub(super) trait Simd: Copy {
    /// The vector register.
    type Vector: Copy;
    /// How many `f32` a register holds.
    const LANES: usize;

    /// All lanes zero.
    ///
    /// # Safety
    /// The processor must support the instruction set (as for every method).
    unsafe fn zero() -> Self::Vector;
    /// All lanes equal to `v`.
    ///
    /// # Safety
    /// See [`Simd::zero`].
    unsafe fn set(v: f32) -> Self::Vector;
    /// The `LANES` numbers from `p` on.
    ///
    /// # Safety
    /// `p` must be readable for `LANES` numbers.
    unsafe fn load(p: *const f32) -> Self::Vector;
    /// Writes the lanes to `p` and on.
    ///
    /// # Safety
    /// `p` must be writable for `LANES` numbers.
    unsafe fn store(p: *mut f32, v: Self::Vector);
    /// `a * b + c`.
    ///
    /// # Safety
    /// See [`Simd::zero`].
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a + b`.
    ///
    /// # Safety
    /// See [`Simd::zero`].
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`.
    ///
    /// # Safety
    /// See [`Simd::zero`].
    unsafe fn subtract(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger of `a` and `b`; `b` where that is no number.
    ///
    /// # Safety
    /// See [`Simd::zero`].
    unsafe fn larger(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The sum of the lanes of each of eight vectors, in order.
    ///
    /// # Safety
    /// See [`Simd::zero`].
    unsafe fn sums(v: &[Self::Vector; 8]) -> [f32; 8];
}

/// Plain Rust, right on every processor.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Simd for Portable {
    type Vector = [f32; 4];
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> [f32; 4] {
        [0.0; 4]
    }

    #[inline(always)]
    unsafe fn set(v: f32) -> [f32; 4] {
        [v; 4]
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> [f32; 4] {
        // SAFETY: readable for four numbers by contract.
        unsafe { p.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f32, v: [f32; 4]) {
        // SAFETY: writable for four numbers by contract.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // Not `mul_add`, which is a slow library call without hardware for it.
        core::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        core::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn subtract(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        core::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn larger(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        core::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn sums(v: &[[f32; 4]; 8]) -> [f32; 8] {
        v.map(|v| (v[0] + v[2]) + (v[1] + v[3]))
    }
}

/// A single number, for rows shorter than a vector.
#[derive(Clone, Copy)]
pub(super) struct Single;

impl Simd for Single {
    type Vector = f32;
    const LANES: usize = 1;

    #[inline(always)]
    unsafe fn zero() -> f32 {
        0.0
    }

    #[inline(always)]
    unsafe fn set(v: f32) -> f32 {
        v
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> f32 {
        // SAFETY: readable by contract.
        unsafe { *p }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f32, v: f32) {
        // SAFETY: writable by contract.
        unsafe { *p = v }
    }

    #[inline(always)]
    unsafe fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    unsafe fn add(a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    unsafe fn subtract(a: f32, b: f32) -> f32 {
        a - b
    }

    #[inline(always)]
    unsafe fn larger(a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }

    #[inline(always)]
    unsafe fn sums(v: &[f32; 8]) -> [f32; 8] {
        *v
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use core::arch::x86_64::*;

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(in crate::kernels) struct Avx2;

    // SAFETY (all blocks): the caller vouches for the instruction set and for
    // the pointers, as the trait demands.
    impl Simd for Avx2 {
        type Vector = __m256;
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn zero() -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn set(v: f32) -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_set1_ps(v) }
        }

        #[inline(always)]
        unsafe fn load(p: *const f32) -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_loadu_ps(p) }
        }

        #[inline(always)]
        unsafe fn store(p: *mut f32, v: __m256) {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_storeu_ps(p, v) }
        }

        #[inline(always)]
        unsafe fn multiply_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn subtract(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn larger(a: __m256, b: __m256) -> __m256 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm256_max_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sums(v: &[__m256; 8]) -> [f32; 8] {
            // SAFETY: see the head of the implementation.
            unsafe { core::mem::transmute::<__m256, [f32; 8]>(sums256(v)) }
        }
    }

    /// Lane `i` of the result is the sum of the lanes of `v[i]`: a tree of
    /// additions that halves the number of vectors at each step.
    #[inline(always)]
    unsafe fn sums256(v: &[__m256; 8]) -> __m256 {
        // SAFETY: the caller vouches for AVX2.
        unsafe {
            let a = _mm256_hadd_ps(v[0], v[1]);
            let b = _mm256_hadd_ps(v[2], v[3]);
            let c = _mm256_hadd_ps(v[4], v[5]);
            let d = _mm256_hadd_ps(v[6], v[7]);
            let e = _mm256_hadd_ps(a, b);
            let f = _mm256_hadd_ps(c, d);
            _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(e, f), _mm256_permute2f128_ps::<0x31>(e, f))
        }
    }

    /// AVX-512F.
    #[derive(Clone, Copy)]
    pub(in crate::kernels) struct Avx512;

    // SAFETY (all blocks): the caller vouches for the instruction set and for
    // the pointers, as the trait demands.
    impl Simd for Avx512 {
        type Vector = __m512;
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn zero() -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        unsafe fn set(v: f32) -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_set1_ps(v) }
        }

        #[inline(always)]
        unsafe fn load(p: *const f32) -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_loadu_ps(p) }
        }

        #[inline(always)]
        unsafe fn store(p: *mut f32, v: __m512) {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_storeu_ps(p, v) }
        }

        #[inline(always)]
        unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn subtract(a: __m512, b: __m512) -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_sub_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn larger(a: __m512, b: __m512) -> __m512 {
            // SAFETY: see the head of the implementation.
            unsafe { _mm512_max_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn sums(v: &[__m512; 8]) -> [f32; 8] {
            // SAFETY: see the head of the implementation.
            unsafe {
                let half = |v: __m512| {
                    _mm256_add_ps(
                        _mm512_castps512_ps256(v),
                        _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v))),
                    )
                };
                let halves = [
                    half(v[0]),
                    half(v[1]),
                    half(v[2]),
                    half(v[3]),
                    half(v[4]),
                    half(v[5]),
                    half(v[6]),
                    half(v[7]),
                ];
                core::mem::transmute::<__m256, [f32; 8]>(sums256(&halves))
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) use arm::Neon;

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::Simd;
    use core::arch::aarch64::*;

    /// NEON.
    #[derive(Clone, Copy)]
    pub(in crate::kernels) struct Neon;

    // SAFETY (all blocks): the caller vouches for the instruction set and for
    // the pointers, as the trait demands.
    impl Simd for Neon {
        type Vector = float32x4_t;
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn zero() -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vdupq_n_f32(0.0) }
        }

        #[inline(always)]
        unsafe fn set(v: f32) -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vdupq_n_f32(v) }
        }

        #[inline(always)]
        unsafe fn load(p: *const f32) -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vld1q_f32(p) }
        }

        #[inline(always)]
        unsafe fn store(p: *mut f32, v: float32x4_t) {
            // SAFETY: see the head of the implementation.
            unsafe { vst1q_f32(p, v) }
        }

        #[inline(always)]
        unsafe fn multiply_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vfmaq_f32(c, a, b) }
        }

        #[inline(always)]
        unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vaddq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn subtract(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vsubq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn larger(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            // SAFETY: see the head of the implementation.
            unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
        }

        #[inline(always)]
        unsafe fn sums(v: &[float32x4_t; 8]) -> [f32; 8] {
            // SAFETY: see the head of the implementation.
            v.map(|v| unsafe { vaddvq_f32(v) })
        }
    }
}
