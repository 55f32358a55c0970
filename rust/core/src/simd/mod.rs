//! Kernels over whole batches. Problem: to look at each byte in turn is the limit of speed. Idea: compare 32 or 64 bytes
//! at once and leave bitmaps; what a bit means is decided elsewhere. Each kernel has a plain form with the same result.
//! The form is chosen at run time, once per engine. Unsafe code of this crate stands in here or nowhere.
//!
//! ```text
//! 64 bytes -> avx512 | avx2 | plain -> masks -> block: lines, quotes, escapes -> structure: bitmaps
//!             candidates_avx512 | candidates_avx2 -> masks -> redact/prefilter
//! ```

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod bitmap;
mod block;
#[cfg(target_arch = "x86_64")]
pub(crate) mod candidates_avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod candidates_avx512;
pub(crate) mod structure;

use once_cell::race::OnceBox;

/// Environment variable that forces a path; read once per process.
pub const PATH_VARIABLE: &str = "HEADRIG_CORE_PATH";

/// The instructions kernels may use. All paths give the same bytes, counts and windows.
///
/// # Example
///
/// ```
/// use headrig_core::simd::Path;
///
/// assert!(Path::here().all(Path::runs_here));
/// assert_eq!(Path::Scalar.name(), "scalar");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// What every CPU has.
    Scalar,
    /// AVX2, BMI1, BMI2, PCLMULQDQ and POPCNT.
    Avx2,
    /// AVX-512 F, BW, VL, VBMI and VBMI2, BMI1, BMI2 and POPCNT.
    Avx512,
}

impl Path {
    /// The slowest first.
    pub const ALL: [Path; 3] = [Path::Scalar, Path::Avx2, Path::Avx512];

    /// Those this CPU has, in the same order.
    pub fn here() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|path| path.runs_here())
    }

    /// The fastest path of this CPU, or the one the environment asks for.
    ///
    /// # Errors
    /// The environment asks for a path that is unknown or that this CPU does not have; the text says which there are.
    pub fn chosen() -> Result<Self, String> {
        static CHOSEN: OnceBox<Result<Path, String>> = OnceBox::new();
        let choose = || match std::env::var(PATH_VARIABLE) {
            Ok(name) if !name.is_empty() => Self::named(&name),
            Err(std::env::VarError::NotUnicode(_)) => Self::named("?"),
            _ => Ok(Self::here().next_back().unwrap_or(Self::Scalar)),
        };
        CHOSEN.get_or_init(|| Box::new(choose())).clone()
    }

    fn named(name: &str) -> Result<Self, String> {
        Self::here().find(|path| path.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::here().map(Self::name).collect();
            format!("no such path on this CPU; there are: {}", names.join(" "))
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// This CPU has the instructions. The standard library remembers the answer: asking costs a load.
    pub fn runs_here(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("pclmulqdq")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vbmi2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_by_its_name_and_an_unknown_one_is_refused() {
        assert_eq!(Path::named("scalar"), Ok(Path::Scalar));
        for path in Path::ALL {
            assert_eq!(Path::named(path.name()).is_ok(), path.runs_here());
        }
        let refused = Path::named("turbo").unwrap_err();
        assert!(!refused.contains("turbo") && refused.contains("scalar"), "{refused}");
    }
}
