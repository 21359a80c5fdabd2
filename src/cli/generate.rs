//! `plan -generate-config-out`: configuration for objects that `import` blocks name and nobody has written yet.

use super::session::Project;
use crate::diag::Diagnostic;
use crate::fleet::Fleet;
use crate::lang::address::Address;
use crate::lang::module::Import;
use crate::plan::blocks::Blocks;
use crate::plan::generate;
use crate::plan::import::pairs;
use crate::plan::providers::{Providers, local_name};
use crate::plan::questions::{Answered, Ask, Question, Taken};
use crate::plan::traverse::config_address;
use crate::plugin::ImportBy;
use std::path::Path;
use straddle_sdk::value::Str;

const HEADER: &str =
    "# __generated__ by straddle\n# Please review these resources and move them into your main configuration files.\n";

/// Writes what is missing into a new file. False: nothing is missing, and nothing was written.
///
/// # Errors
/// What is missing cannot be told, read or written.
pub async fn write_missing(project: &Project, file: &Path, parallelism: usize) -> Result<bool, Vec<Diagnostic>> {
    let unwritten = unwritten(project);
    if unwritten.is_empty() {
        return Ok(false);
    }
    if file.exists() {
        let detail = format!(
            "Configuration is only generated into a new file, and {} exists. Choose another one, or move what is in it elsewhere.",
            file.display()
        );
        return Err(vec![Diagnostic::error("Target generated file already exists", detail)]);
    }
    let failed = |why: String| vec![Diagnostic::error("Configuration not generated", why)];
    let mut fleet = project.fleet(parallelism).map_err(|e| failed(format!("{e}.")))?;
    let text = text(project, &mut fleet, &unwritten).await;
    fleet.shutdown().await;
    std::fs::write(file, text?).map_err(|e| failed(format!("{} cannot be written: {e}.", file.display())))?;
    Ok(true)
}

/// Import blocks of targets without a resource block.
fn unwritten(project: &Project) -> Vec<(Address, &Import)> {
    let tree = project.tree();
    let blocks = Blocks::of(&tree, &project.spec, &Providers::of(&tree), &mut Vec::new());
    let imports = project.config.module.imports.iter();
    imports.filter_map(|i| Some((config_address(&i.to)?, i))).filter(|(to, _)| blocks.find(to).is_none()).collect()
}

/// What they name.
fn targets<'p>(
    project: &Project,
    unwritten: &[(Address, &'p Import)],
    providers: &Providers,
) -> Result<Vec<Missing<'p>>, Vec<Diagnostic>> {
    let env = project.env();
    let (mut missing, mut problems) = (Vec::new(), Vec::new());
    for (_, import) in unwritten {
        match pairs(import, &env, providers) {
            Ok(list) => missing.extend(list.into_iter().map(|(address, by)| Missing { address, by, import })),
            Err(found) => problems.extend(found),
        }
    }
    for Missing { address, import, .. } in &missing {
        if !address.module.is_empty() || address.key.is_some() {
            let detail = format!(
                "Configuration can only be generated for single resources of the root module; {address} is none. Write its block by hand."
            );
            problems.push(Diagnostic::error("Cannot generate configuration", detail).at(&import.span));
        }
    }
    if problems.iter().any(Diagnostic::is_error) { Err(problems) } else { Ok(missing) }
}

/// An import target without a resource block.
struct Missing<'p> {
    address: Address,
    by: ImportBy,
    import: &'p Import,
}

async fn text(
    project: &Project,
    fleet: &mut Fleet,
    unwritten: &[(Address, &Import)],
) -> Result<String, Vec<Diagnostic>> {
    let tree = project.tree();
    let mut providers = Providers::of(&tree);
    let local = |address: &Address, import: &Import| -> (Str, Option<Str>) {
        match &import.provider {
            Some(written) => (written.name.clone(), written.alias.clone()),
            None => (Str::new(local_name(&address.ty)), None),
        }
    };
    let sources = unwritten.iter().map(|(a, i)| providers.source(&local(a, i).0)).collect();
    let mut problems = fleet.schemas(&sources, &mut providers).await;
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let missing = targets(project, unwritten, &providers)?;
    let reference = |one: &Missing<'_>| {
        let (name, alias) = local(&one.address, one.import);
        providers.reference(&tree, 0, &name, alias.as_ref())
    };
    let wanted = missing.iter().map(reference).collect();
    fleet.configure(&wanted, &providers, &project.env(), &mut problems).await;
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let questions = missing.iter().zip(0..).map(|(one, number)| {
        let provider = reference(one);
        let meta = providers.meta(&one.address, &provider.source);
        let ask = Ask::Import { by: one.by.clone() };
        Question { id: number, provider, type_name: one.address.ty.clone(), meta, ask }
    });
    let mut answers = fleet.answer(questions.collect()).await;
    answers.sort_by_key(|a| a.id);
    let mut out = HEADER.to_string();
    for (one, answer) in missing.iter().zip(answers) {
        let Missing { address, by, import } = one;
        problems.extend(answer.problems);
        let schema = providers.schema_of(&reference(one).source, address.mode, &address.ty);
        if let (Some(Answered::Imported(Taken { state, .. })), Some(schema)) = (answer.result, schema) {
            let provider = import.provider.as_ref().map(|p| match &p.alias {
                Some(alias) => format!("{}.{alias}", p.name),
                None => p.name.to_string(),
            });
            let id = match by {
                ImportBy::Id(id) => Some(id.as_str()),
                ImportBy::Identity(_) => None,
            };
            out.push('\n');
            out.push_str(&generate::resource(address, id, provider.as_deref(), &schema.block, &state));
        }
    }
    if problems.iter().any(Diagnostic::is_error) { Err(problems) } else { Ok(out) }
}
