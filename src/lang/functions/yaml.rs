//! `yamldecode` and `yamlencode`.

use super::{Function, Param, Returns, Shape, yaml_read, yaml_write};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("yamldecode", &[Param::new("src", Shape::String)], Returns::Always(Shape::Any), yaml_read::decode)
        .maybe_null(),
    Function::new(
        "yamlencode",
        &[Param::new("value", Shape::Any).nullable().unknown().dynamic()],
        Returns::Always(Shape::String),
        yaml_write::encode,
    ),
];
