//! The binding `headrig._core`: translates, decides nothing.
