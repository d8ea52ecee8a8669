//! The instruction sets that kernels are compiled for, and the choice between them at run time.

use std::sync::OnceLock;

/// An instruction set that *this* processor has.
///
/// The only ways to get one are [`Isa::available`], [`Isa::active`] and [`Isa::named`], which check the processor
/// first. So a value of this type is the proof that a kernel compiled for that instruction set may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isa(pub(crate) Level);

/// The levels, slowest first. Private to the crate, so that no code outside can make an unproven [`Isa`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    /// What every processor of the target architecture has; no fused multiply-add.
    Portable,
    /// WebAssembly, compiled with 128-bit SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Wasm,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and VNNI, in addition to AVX2, FMA and POPCNT.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Why [`Isa::named`] failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownIsa {
    /// The name that was requested.
    pub found: String,
    /// The names that this processor would accept, slowest first.
    pub available: Vec<&'static str>,
}

impl std::fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "instruction set {:?} is not supported by this processor; expected one of: {}",
            self.found,
            self.available.join(", ")
        )
    }
}

impl std::error::Error for UnknownIsa {}

impl Isa {
    /// The instruction set that needs no detection.
    pub const PORTABLE: Isa = Isa(Level::Portable);

    /// Every instruction set that this processor has, slowest first; never empty.
    ///
    /// ```
    /// use tercet_kernels::Isa;
    /// assert_eq!(Isa::available()[0], Isa::PORTABLE);
    /// ```
    pub fn available() -> Vec<Isa> {
        #[allow(unused_mut, reason = "other architectures have the portable level alone")]
        let mut found = vec![Isa::PORTABLE];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        found.push(Isa(Level::Wasm));
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Isa(Level::Avx2));
                if is_x86_feature_detected!("popcnt")
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                {
                    found.push(Isa(Level::Avx512));
                }
            }
        }
        found
    }

    /// The instruction set this process uses: the one named by the environment variable `TERCET_ISA` if the
    /// processor has it, else the fastest available. Decided once.
    pub fn active() -> Isa {
        static ACTIVE: OnceLock<Isa> = OnceLock::new();
        *ACTIVE.get_or_init(|| {
            let named = std::env::var("TERCET_ISA").ok().and_then(|name| Isa::named(&name).ok());
            named.unwrap_or_else(|| *Isa::available().last().expect("the portable level is always there"))
        })
    }

    /// The instruction set of that name (`portable`, `wasm-simd128`, `avx2`, `avx512`).
    ///
    /// # Errors
    /// [`UnknownIsa`] if there is no such name or this processor lacks the instructions.
    pub fn named(name: &str) -> Result<Isa, UnknownIsa> {
        let available = Isa::available();
        available.iter().copied().find(|isa| isa.name() == name).ok_or_else(|| UnknownIsa {
            found: name.to_owned(),
            available: available.iter().map(|isa| isa.name()).collect(),
        })
    }

    /// The name that [`Isa::named`] accepts.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => "wasm-simd128",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_isa_is_found_by_its_name() {
        for isa in Isa::available() {
            assert_eq!(Isa::named(isa.name()), Ok(isa));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_available_ones() {
        let message = Isa::named("mmx").unwrap_err().to_string();
        assert!(message.contains("\"mmx\"") && message.contains("portable"), "{message}");
    }
}
