//! Plans that are sound pass; plans spoiled in one place do not.

mod mended;
mod random;
mod spoiled;

mod world;
