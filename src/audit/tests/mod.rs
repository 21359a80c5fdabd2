//! Plans that are sound pass; plans spoiled in one place do not.

mod random;
mod spoiled;

mod world;
