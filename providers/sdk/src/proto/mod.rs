//! Generated protocol code, checked in. `tests/generated.rs` keeps it equal to `schemas/*.proto` and writes it anew.

/// Terraform's protocol 5 (messages and client).
#[allow(missing_docs, clippy::all, clippy::unwrap_used, rustdoc::all)]
pub mod tfplugin5 {
    include!("generated/tfplugin5.rs");
}

/// Terraform's protocol 6.
#[allow(missing_docs, clippy::all, clippy::unwrap_used, rustdoc::all)]
pub mod tfplugin6 {
    include!("generated/tfplugin6.rs");
}

/// The helper services of a plugin process.
#[allow(missing_docs, clippy::all, clippy::unwrap_used, rustdoc::all)]
pub mod plugin {
    include!("generated/plugin.rs");
}

/// Packages of straddle.
pub mod straddle {
    /// Packages of providers.
    pub mod provider {
        /// straddle's extension, first version.
        #[allow(missing_docs, clippy::all, clippy::unwrap_used, rustdoc::all)]
        pub mod v1 {
            include!("generated/straddle.provider.v1.rs");
        }
    }
}

/// Packages of gRPC.
pub mod grpc {
    /// The standard health check.
    pub mod health {
        /// First version.
        #[allow(missing_docs, clippy::all, clippy::unwrap_used, rustdoc::all)]
        pub mod v1 {
            include!("generated/grpc.health.v1.rs");
        }
    }
}

pub use straddle::provider::v1 as extension;
