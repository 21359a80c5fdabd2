//! Plans that are sound pass; plans spoiled in one place do not.
