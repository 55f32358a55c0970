//! The prefilter. Problem: most strings hold no secret, and to read each of them is too slow. Idea: a credential begins
//! where a word does, or is marked by a separator; one pass of vector code over the batch marks these places as bits.
//!
//! ```text
//! text      {"m":"login ghp_0123456789abcdef by a@b"}
//! marks      ^    for separators, quotes, brackets, `@`, first digits of cards
//! prefix4              ^ for the first four bytes of a pattern's literal, if prefix3 lets them count here
//! ```

pub(crate) mod byte_classes;
pub(crate) mod candidates;
pub(crate) mod card;
pub(crate) mod marker;
pub(crate) mod min_prefix;
pub(crate) mod places;
pub(crate) mod prefix3;
pub(crate) mod prefix4;
pub(crate) mod shared_bits;
