//! Where values of variables come from. `-var` and `-var-file` may be mixed, and what stands later counts: their order among each
//! other is kept, which the derived arguments would lose.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use std::path::PathBuf;

/// One `-var` or `-var-file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// NAME=VALUE.
    Value(String),
    /// A file of values.
    File(PathBuf),
}

/// Values the command line gives, in its order.
#[derive(Debug, Default, Clone)]
pub struct VarArgs {
    pub assignments: Vec<Assignment>,
    /// Whether values that are missing may be asked for.
    pub ask: bool,
}

impl Assignment {
    /// NAME=VALUE, where it is that.
    pub fn value(&self) -> Option<&str> {
        match self {
            Assignment::Value(text) => Some(text),
            Assignment::File(_) => None,
        }
    }
}

const VALUE: &str = "var";
const FILE: &str = "var_file";

/// The values of an argument with their places on the command line.
fn placed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    id: &str,
    make: impl Fn(T) -> Assignment,
) -> Vec<(usize, Assignment)> {
    let places = matches.indices_of(id).into_iter().flatten();
    let values = matches.get_many::<T>(id).into_iter().flatten();
    places.zip(values.cloned().map(make)).collect()
}

impl FromArgMatches for VarArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<VarArgs, clap::Error> {
        let mut all = placed(matches, VALUE, Assignment::Value);
        all.extend(placed(matches, FILE, Assignment::File));
        all.sort_by_key(|(place, _)| *place);
        Ok(VarArgs { assignments: all.into_iter().map(|(_, assignment)| assignment).collect(), ask: false })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.assignments = VarArgs::from_arg_matches(matches)?.assignments;
        Ok(())
    }
}

impl Args for VarArgs {
    fn augment_args(command: Command) -> Command {
        let value = Arg::new(VALUE)
            .long("var")
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .help("Set a variable: NAME=VALUE; may be repeated");
        let file = Arg::new(FILE)
            .long("var-file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help("Read variables from a file; may be repeated");
        command.arg(value).arg(file)
    }

    fn augment_args_for_update(command: Command) -> Command {
        VarArgs::augment_args(command)
    }
}
