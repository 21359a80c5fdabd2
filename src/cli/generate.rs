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
use crate::plan::questions::{Answered, Ask, Question};
use std::path::Path;
use straddle_sdk::value::Str;

const HEADER: &str =
    "# __generated__ by straddle\n# Please review these resources and move them into your main configuration files.\n";

/// Writes what is missing into a new file. False: nothing is missing, and nothing was written.
///
/// # Errors
/// What is missing cannot be told, read or written.
pub async fn write_missing(project: &Project, file: &Path, parallelism: usize) -> Result<bool, Vec<Diagnostic>> {
    let missing = missing(project)?;
    if missing.is_empty() {
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
    let mut fleet = Fleet::new(&project.directory, parallelism).map_err(|e| failed(format!("{e}.")))?;
    let text = text(project, &mut fleet, &missing).await;
    fleet.shutdown().await;
    std::fs::write(file, text?).map_err(|e| failed(format!("{} cannot be written: {e}.", file.display())))?;
    Ok(true)
}

/// Import targets without a resource block.
fn missing(project: &Project) -> Result<Vec<(Address, String, &Import)>, Vec<Diagnostic>> {
    let tree = project.tree();
    let providers = Providers::of(&tree);
    let blocks = Blocks::of(&tree, &project.spec, &providers, &mut Vec::new());
    let env = project.env();
    let (mut missing, mut problems) = (Vec::new(), Vec::new());
    for import in &project.config.module.imports {
        match pairs(import, &env) {
            Ok(list) => {
                let new = list.into_iter().filter(|(address, _)| blocks.find(address).is_none());
                missing.extend(new.map(|(address, id)| (address, id, import)));
            }
            Err(found) => problems.extend(found),
        }
    }
    for (address, _, import) in &missing {
        if !address.module.is_empty() || address.key.is_some() {
            let detail = format!(
                "Configuration can only be generated for single resources of the root module; {address} is none. Write its block by hand."
            );
            problems.push(Diagnostic::error("Cannot generate configuration", detail).at(&import.span));
        }
    }
    if problems.iter().any(Diagnostic::is_error) { Err(problems) } else { Ok(missing) }
}

async fn text(
    project: &Project,
    fleet: &mut Fleet,
    missing: &[(Address, String, &Import)],
) -> Result<String, Vec<Diagnostic>> {
    let tree = project.tree();
    let mut providers = Providers::of(&tree);
    let local = |address: &Address, import: &Import| -> (Str, Option<Str>) {
        match &import.provider {
            Some(written) => (written.name.clone(), written.alias.clone()),
            None => (Str::new(local_name(&address.ty)), None),
        }
    };
    let sources = missing.iter().map(|(a, _, i)| providers.source(&local(a, i).0)).collect();
    let mut problems = fleet.schemas(&sources, &mut providers).await;
    let reference = |address: &Address, import: &Import| {
        let (name, alias) = local(address, import);
        providers.reference(&tree, 0, &name, alias.as_ref())
    };
    let wanted = missing.iter().map(|(a, _, i)| reference(a, i)).collect();
    fleet.configure(&wanted, &providers, &project.env(), &mut problems).await;
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let questions = missing.iter().zip(0..).map(|((address, id, import), number)| Question {
        id: number,
        provider: reference(address, import),
        type_name: address.ty.clone(),
        ask: Ask::Import { id: id.clone() },
    });
    let mut answers = fleet.answer(questions.collect()).await;
    answers.sort_by_key(|a| a.id);
    let mut out = HEADER.to_string();
    for ((address, id, import), answer) in missing.iter().zip(answers) {
        problems.extend(answer.problems);
        let schema = providers.schema_of(&reference(address, import).source, address.mode, &address.ty);
        if let (Some(Answered::Imported { state, .. }), Some(schema)) = (answer.result, schema) {
            let provider = import.provider.as_ref().map(|p| match &p.alias {
                Some(alias) => format!("{}.{alias}", p.name),
                None => p.name.to_string(),
            });
            out.push('\n');
            out.push_str(&generate::resource(address, id, provider.as_deref(), &schema.block, &state));
        }
    }
    if problems.iter().any(Diagnostic::is_error) { Err(problems) } else { Ok(out) }
}
