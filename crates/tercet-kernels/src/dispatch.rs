//! Kernels that are written once and compiled for each instruction set.

/// Calls a kernel compiled for the instruction set of an [`Isa`](crate::Isa). The kernel is marked
/// `#[inline(always)]`, so that it is compiled with the instructions of the function that it is inlined into.
///
/// ```text
/// for_isa!(isa, kernel(x: &[f32], y: &mut [f32]) -> f64)
/// ```
///
/// calls a safe function, which the compiler vectorises. It fuses no operations, so all instruction sets give the same
/// bits.
///
/// ```text
/// for_isa!(isa, kernel::<Lanes>(x: &[f32]))
/// for_isa!(isa, kernel::<Lanes, 4 | 6 | 8>(x: &[f32]))
/// ```
///
/// call an unsafe function that is generic over [`Lanes`](crate::lanes::Lanes), with the widest registers of the
/// instruction set: four, eight or sixteen f32. Its only safety condition must be that the processor has their
/// instructions. A second argument is the value of a constant for four, eight and sixteen lanes.
macro_rules! for_isa {
    ($isa:expr, $kernel:ident::<Lanes $(, $four:literal | $eight:literal | $sixteen:literal)?>
     ($($name:ident: $type:ty),* $(,)?) $(-> $result:ty)?) => {
        for_isa!(@ $isa, ($($name: $type),*) $(-> $result)?,
            // SAFETY: plain arrays need no instructions beyond the target's own.
            unsafe { $kernel::<[f32; 4] $(, $four)?>($($name),*) },
            // SAFETY: this is compiled for, and so called on, processors with AVX2 and FMA.
            unsafe { $kernel::<std::arch::x86_64::__m256 $(, $eight)?>($($name),*) },
            // SAFETY: this is compiled for, and so called on, processors with AVX-512 F, BW and VL.
            unsafe { $kernel::<std::arch::x86_64::__m512 $(, $sixteen)?>($($name),*) }
        )
    };
    ($isa:expr, $kernel:ident($($name:ident: $type:ty),* $(,)?) $(-> $result:ty)?) => {
        for_isa!(@ $isa, ($($name: $type),*) $(-> $result)?,
            $kernel($($name),*), $kernel($($name),*), $kernel($($name),*))
    };
    (@ $isa:expr, ($($name:ident: $type:ty),*) $(-> $result:ty)?,
     $portable:expr, $with_avx2:expr, $with_avx512:expr) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($name: $type),*) $(-> $result)? {
            $with_avx2
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
        fn avx512($($name: $type),*) $(-> $result)? {
            $with_avx512
        }
        match $isa.0 {
            $crate::isa::Level::Portable => $portable,
            // A WebAssembly module is compiled for one instruction set as a whole.
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            $crate::isa::Level::Wasm => $portable,
            // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Level::Avx2 => unsafe { avx2($($name),*) },
            // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL, AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Level::Avx512 => unsafe { avx512($($name),*) },
        }
    }};
}
pub(crate) use for_isa;
