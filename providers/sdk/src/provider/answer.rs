//! What a provider answers. Warnings travel beside the result; a failed call is `Err(Diagnostics)`.

use super::{Diagnostic, Diagnostics};
use crate::value::{Path, Str, Type, Value};

/// Why an object was not planned or read in full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deferred {
    /// No reason given.
    Unknown,
    /// The configuration of the resource is not known yet.
    ResourceConfigUnknown,
    /// The configuration of the provider is not known yet.
    ProviderConfigUnknown,
    /// Something that must exist first does not.
    AbsentPrerequisite,
}

/// An object as it is.
#[derive(Clone, Debug)]
pub struct ReadAnswer {
    /// The object; null: gone.
    pub state: Value,
    /// The provider's own bytes, stored with it.
    pub private: Vec<u8>,
    /// Put off; only where the request allows it.
    pub deferred: Option<Deferred>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

impl ReadAnswer {
    /// The object as it is.
    pub fn new(state: Value) -> ReadAnswer {
        ReadAnswer { state, private: Vec::new(), deferred: None, diagnostics: Diagnostics::new() }
    }

    /// The object is not there any more.
    pub fn gone() -> ReadAnswer {
        ReadAnswer::new(Value::null(Type::Dynamic))
    }

    /// With these bytes to be stored beside it.
    pub fn private(mut self, private: Vec<u8>) -> ReadAnswer {
        self.private = private;
        self
    }

    /// With a warning.
    pub fn warn(mut self, diagnostic: Diagnostic) -> ReadAnswer {
        self.diagnostics.push(diagnostic);
        self
    }
}

/// An object as it will be.
#[derive(Clone, Debug)]
pub struct PlanAnswer {
    /// The object; unknown where only the change will tell; null: deleted.
    pub planned: Value,
    /// What cannot be changed in place.
    pub requires_replace: Vec<Path>,
    /// The provider's own bytes, given back with the change.
    pub private: Vec<u8>,
    /// Put off; only where the request allows it.
    pub deferred: Option<Deferred>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

impl PlanAnswer {
    /// The object as it will be.
    pub fn new(planned: Value) -> PlanAnswer {
        PlanAnswer {
            planned,
            requires_replace: Vec::new(),
            private: Vec::new(),
            deferred: None,
            diagnostics: Diagnostics::new(),
        }
    }

    /// With a further path that cannot be changed in place.
    pub fn replaces(mut self, path: Path) -> PlanAnswer {
        self.requires_replace.push(path);
        self
    }

    /// With these bytes to be given back with the change.
    pub fn private(mut self, private: Vec<u8>) -> PlanAnswer {
        self.private = private;
        self
    }

    /// With a warning.
    pub fn warn(mut self, diagnostic: Diagnostic) -> PlanAnswer {
        self.diagnostics.push(diagnostic);
        self
    }
}

/// An object after a change.
#[derive(Clone, Debug)]
pub struct ApplyAnswer {
    /// The object, wholly known; null: deleted.
    pub state: Value,
    /// The provider's own bytes, stored with it.
    pub private: Vec<u8>,
    /// Warnings; or errors, when the change was made in part and `state` is what there is.
    pub diagnostics: Diagnostics,
}

impl ApplyAnswer {
    /// The object after the change.
    pub fn new(state: Value) -> ApplyAnswer {
        ApplyAnswer { state, private: Vec::new(), diagnostics: Diagnostics::new() }
    }

    /// The object is gone.
    pub fn deleted() -> ApplyAnswer {
        ApplyAnswer::new(Value::null(Type::Dynamic))
    }

    /// The change was made in part: the object as it is, and why.
    pub fn partial(state: Value, why: impl Into<Diagnostics>) -> ApplyAnswer {
        ApplyAnswer { diagnostics: why.into(), ..ApplyAnswer::new(state) }
    }

    /// With these bytes to be stored beside it.
    pub fn private(mut self, private: Vec<u8>) -> ApplyAnswer {
        self.private = private;
        self
    }

    /// With a warning.
    pub fn warn(mut self, diagnostic: Diagnostic) -> ApplyAnswer {
        self.diagnostics.push(diagnostic);
        self
    }
}

/// An object found.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its resource type, normally the one asked for.
    pub type_name: Str,
    /// The object, in part: what the read that follows needs to find it.
    pub state: Value,
    /// The provider's own bytes, given to that read.
    pub private: Vec<u8>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct ImportAnswer {
    /// Normally one object.
    pub imported: Vec<Imported>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

impl ImportAnswer {
    /// One object of this type.
    pub fn one(type_name: impl Into<Str>, state: Value) -> ImportAnswer {
        let imported = vec![Imported { type_name: type_name.into(), state, private: Vec::new() }];
        ImportAnswer { imported, diagnostics: Diagnostics::new() }
    }
}

/// What a data source says.
#[derive(Clone, Debug)]
pub struct DataAnswer {
    /// The whole object: configuration and what was read.
    pub state: Value,
    /// Put off; only where the request allows it.
    pub deferred: Option<Deferred>,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

impl DataAnswer {
    /// What was read.
    pub fn new(state: Value) -> DataAnswer {
        DataAnswer { state, deferred: None, diagnostics: Diagnostics::new() }
    }
}
