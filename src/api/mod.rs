//! The resources as users write them: types only.
