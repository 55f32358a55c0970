//! The prefilter: where in a batch a secret may begin, before any line of it is read.

pub(crate) mod byte_classes;
pub(crate) mod candidates;
pub(crate) mod card;
pub(crate) mod marker;
pub(crate) mod min_prefix;
pub(crate) mod places;
pub(crate) mod prefix3;
pub(crate) mod prefix4;
