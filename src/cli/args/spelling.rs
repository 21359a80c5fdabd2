//! The spellings Terraform takes: one dash before long flags, `-flag=false` for any flag, and arguments from the environment.

use clap::{Arg, ArgAction, Command};

/// Why the arguments of the environment cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {variable} cannot be split into words: a quote or a backslash at its end is open")]
pub struct SplitError {
    variable: String,
}

/// The arguments of a run: those of `TF_CLI_ARGS` and `TF_CLI_ARGS_<command>` behind the command, and all spelt with two dashes.
///
/// # Errors
/// A variable that is no list of words.
pub fn arguments(
    written: Vec<String>,
    definition: &Command,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<String>, SplitError> {
    let (at, path) = command_end(&written, definition);
    if path.is_empty() {
        return Ok(spelt(written, definition));
    }
    let specific = format!("TF_CLI_ARGS_{}", path.join("_").replace('-', "_"));
    let mut all: Vec<String> = written[..at].to_vec();
    for name in [specific.as_str(), "TF_CLI_ARGS"] {
        let Some(text) = variable(name) else { continue };
        all.extend(shlex::split(&text).ok_or_else(|| SplitError { variable: name.to_owned() })?);
    }
    all.extend_from_slice(&written[at..]);
    Ok(spelt(all, definition))
}

/// Where the words of the command end, and those words.
fn command_end<'a>(args: &'a [String], definition: &Command) -> (usize, Vec<&'a str>) {
    let (mut command, mut path, mut end) = (definition, Vec::new(), 1);
    let mut skip = false;
    for (at, word) in args.iter().enumerate().skip(1) {
        if std::mem::take(&mut skip) {
            continue;
        }
        if word.starts_with('-') {
            // A flag before the command may take the next word.
            let name = word.trim_start_matches('-');
            skip = flag(definition, name).is_some_and(|f| f.get_action().takes_values());
            if path.is_empty() { continue } else { break }
        }
        let Some(next) = command.find_subcommand(word) else { break };
        path.push(word.as_str());
        (command, end) = (next, at + 1);
    }
    (end, path)
}

fn flag<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_arguments().find(|a| a.get_long() == Some(name))
}

/// Rewrites `-flag` into `--flag`, and the value of a flag that takes none into its presence or absence. A lone `-`, negative
/// numbers and single letters stay as they are, and nothing behind `--` is touched.
fn spelt(args: Vec<String>, definition: &Command) -> Vec<String> {
    let (_, path) = command_end(&args, definition);
    let mut commands = vec![definition];
    for word in path {
        commands.extend(commands.last().and_then(|c| c.find_subcommand(word)));
    }
    let switch = |name: &str| {
        let found = commands.iter().rev().find_map(|command| flag(command, name));
        let takes_none = |f: &Arg| f.get_num_args().is_none_or(|n| n.max_values() == 0);
        found.is_some_and(|f| matches!(f.get_action(), ArgAction::SetTrue) && takes_none(f))
    };
    let mut rest = false;
    let mut out = Vec::with_capacity(args.len());
    for arg in args {
        rest |= arg == "--";
        let name = arg.trim_start_matches('-');
        let dashes = arg.len() - name.len();
        let long = (1..=2).contains(&dashes) && name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase());
        if rest || !long {
            out.push(arg);
            continue;
        }
        match name.split_once('=').filter(|(name, _)| switch(name)).map(|(name, value)| (name, truth(value))) {
            Some((name, Some(true))) => out.push(format!("--{name}")),
            Some((_, Some(false))) => {}
            _ => out.push(format!("--{name}")),
        }
    }
    out
}

/// What Go takes for a bool.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::CommandFactory;

    fn with(line: &str, environment: &[(&str, &str)]) -> String {
        let written = line.split(' ').map(String::from).collect();
        let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        arguments(written, &Cli::command(), &variable).unwrap().join(" ")
    }

    #[test]
    fn one_dash_is_two() {
        assert_eq!(with("straddle -chdir=x plan -var a=1 -", &[]), "straddle --chdir=x plan --var a=1 -");
        assert_eq!(with("straddle plan -- -out", &[]), "straddle plan -- -out");
        assert_eq!(with("straddle -h", &[]), "straddle -h");
    }

    #[test]
    fn every_switch_takes_a_value() {
        assert_eq!(with("straddle plan -json=true -detailed-exitcode=false", &[]), "straddle plan --json");
        assert_eq!(with("straddle plan -no-color=0", &[]), "straddle plan");
        // Not switches: their values are clap's business.
        assert_eq!(with("straddle plan -refresh=false -var=a=b", &[]), "straddle plan --refresh=false --var=a=b");
        assert_eq!(with("straddle plan -json=maybe", &[]), "straddle plan --json=maybe");
    }

    #[test]
    fn arguments_of_the_environment_stand_behind_the_command() {
        let environment = [
            ("TF_CLI_ARGS", "-no-color"),
            ("TF_CLI_ARGS_plan", "-var 'a=b c' -input=false"),
            ("TF_CLI_ARGS_state_list", "x"),
        ];
        assert_eq!(
            with("straddle -chdir d plan -json", &environment),
            "straddle --chdir d plan --var a=b c --input=false --no-color --json"
        );
        assert_eq!(with("straddle state list", &environment), "straddle state list x --no-color");
        assert_eq!(with("straddle -version", &environment), "straddle --version");
        let open = |_: &str| Some("'a".to_owned());
        assert!(arguments(vec!["straddle".into(), "plan".into()], &Cli::command(), &open).is_err());
    }
}
