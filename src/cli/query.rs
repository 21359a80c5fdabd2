//! `query`: existing objects, as the `list` blocks of `.tfquery.hcl` files ask for them.

use super::Exit;
use super::args::QueryArgs;
use super::print::{Printer, stamp};
use super::session::Project;
use crate::diag::Diagnostic;
use crate::fleet::{Fleet, call_problems, diagnostics};
use crate::lang::address::{Address, Key};
use crate::lang::body::PreparedBody;
use crate::lang::eval::{Scope, eval};
use crate::lang::evaluate::{Instances, instances};
use crate::lang::query_file::ListBlock;
use crate::plan::env::{Env, overlay};
use crate::plan::generate;
use crate::plan::providers::Providers;
use crate::plugin::Plugin;
use crate::report::query::{Found, Listing, events, text};
use std::path::Path;
use straddle_sdk::value::{Str, Type, Value, convert};

/// How many objects are listed where nothing is said.
const LIMIT: usize = 100;
const HEADER: &str =
    "# __generated__ by straddle\n# Please review these resources and move them into your main configuration files.\n";

pub async fn run(args: QueryArgs, printer: &Printer) -> Exit {
    let printer = &printer.asked(false, args.json);
    printer.begin();
    let (project, lists) = Project::read_queries(&args.vars);
    if project.has_errors() {
        printer.diagnostics(&project.problems, &project.sources);
        return Exit::Error;
    }
    let failed = |problems: &[Diagnostic]| {
        printer.diagnostics(problems, &project.sources);
        Exit::Error
    };
    if lists.is_empty() {
        let detail = "The configuration does not contain any resources that can be queried.";
        let problem = Diagnostic::error("No resources to query", detail)
            .help("Write list blocks into a file whose name ends in .tfquery.hcl.");
        return failed(&[problem]);
    }
    if let Some(file) = args.generate_config_out.as_deref().filter(|file| file.exists()) {
        let detail = format!(
            "Configuration is only generated into a new file, and {} exists. Choose another one, or move what is in it elsewhere.",
            file.display()
        );
        return failed(&[Diagnostic::error("Target generated file already exists", detail)]);
    }
    let mut fleet = match project.fleet(args.parallelism) {
        Ok(fleet) => fleet,
        Err(error) => return failed(&[Diagnostic::error("Providers cannot be started", format!("{error}."))]),
    };
    let asked = Query { project: &project, objects: args.generate_config_out.is_some() };
    let answered = asked.answer(&mut fleet, &lists).await;
    let exit = match answered {
        Ok((listings, warnings)) => {
            printer.diagnostics(&warnings, &project.sources);
            if args.json {
                printer.bare(&events(&listings, &stamp()));
            } else {
                printer.bare(&text(&listings));
            }
            match args.generate_config_out.as_deref() {
                Some(file) => match asked.write(&fleet, &lists, &listings, file).await {
                    Ok(()) => Exit::Done,
                    Err(problems) => failed(&problems),
                },
                None => Exit::Done,
            }
        }
        Err(problems) => failed(&problems),
    };
    fleet.shutdown().await;
    exit
}

struct Query<'p> {
    project: &'p Project,
    /// Objects are wanted whole, whatever the blocks say.
    objects: bool,
}

/// `each.key` and `each.value`, where there are any.
type Each = Option<(Value, Value)>;

/// One instance of a block, evaluated.
struct Asked {
    address: String,
    config: Value,
    limit: usize,
    objects: bool,
}

impl Query<'_> {
    async fn answer(
        &self,
        fleet: &mut Fleet,
        lists: &[ListBlock],
    ) -> Result<(Vec<Listing>, Vec<Diagnostic>), Vec<Diagnostic>> {
        let tree = self.project.tree();
        let mut providers = Providers::of(&tree);
        let mut sources: std::collections::BTreeSet<String> =
            lists.iter().map(|l| providers.source(&l.provider.name)).collect();
        sources.extend(self.project.functional(&providers));
        let mut problems = fleet.schemas(&sources, &mut providers).await;
        // Nobody else has told what is offered.
        let _ = self.project.offered.set(fleet.functions());
        stop_on_errors(&mut problems)?;
        let env = self.project.env();
        let reference = |l: &ListBlock| providers.reference(&tree, 0, &l.provider.name, l.provider.alias.as_ref());
        let mut asked = Vec::new();
        for list in lists {
            let source = providers.source(&list.provider.name);
            let schemas = providers.schemas.get(&source);
            let Some(schema) = schemas.and_then(|s| s.lists.get(&list.ty)) else {
                let detail = format!("The provider {source} does not support list resource \"{}\".", list.ty);
                problems.push(Diagnostic::error("Invalid list resource", detail).at(&list.span));
                continue;
            };
            for (address, config, scope_limit) in self.instances(list, &schema.block, &env, &mut problems) {
                asked.push((list, Asked { address, config, limit: scope_limit.0, objects: scope_limit.1 }));
            }
        }
        stop_on_errors(&mut problems)?;
        let wanted = lists.iter().map(reference).collect();
        fleet.configure(&wanted, &providers, &env, &mut problems).await;
        stop_on_errors(&mut problems)?;
        let mut listings = Vec::new();
        for (list, one) in asked {
            let reference = reference(list);
            let Some(plugin) = fleet.plugin(&reference) else {
                problems.extend(fleet.failure(&reference));
                continue;
            };
            match listing(&plugin, list, one).await {
                Ok((listing, warnings)) => {
                    problems.extend(warnings);
                    listings.push(listing);
                }
                Err(found) => problems.extend(found),
            }
        }
        stop_on_errors(&mut problems)?;
        let empty: Vec<&str> = listings.iter().filter(|l| l.found.is_empty()).map(|l| l.address.as_str()).collect();
        if !empty.is_empty() {
            let summary = format!("list block(s) [{}] returned 0 results.", empty.join(", "));
            problems.push(Diagnostic::warning(summary, ""));
        }
        Ok((listings, problems))
    }

    /// The instances of a block: address, configuration, and how many objects are wanted in which form.
    fn instances(
        &self,
        list: &ListBlock,
        schema: &straddle_sdk::schema::Block,
        env: &Env<'_>,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<(String, Value, (usize, bool))> {
        let scope = env.scope(0);
        let before = problems.len();
        let keys: Vec<(Option<Key>, Each)> =
            match instances(list.count.as_ref(), list.for_each.as_ref(), &scope, problems) {
                Instances::Single => vec![(None, None)],
                Instances::Count(count) => (0..count).map(|n| (Some(Key::Int(n)), None)).collect(),
                Instances::Each(list) => list
                    .into_iter()
                    .map(|(key, value)| (Some(Key::Str(key.clone())), Some((Value::string(key), value))))
                    .collect(),
                Instances::Unknown => {
                    if problems.len() == before {
                        let detail = "How often something is listed must be known before.";
                        problems.push(Diagnostic::error("Invalid repetition", detail).at(&list.span));
                    }
                    Vec::new()
                }
            };
        let prepared = PreparedBody::new(&list.config, schema);
        let mut all = Vec::new();
        for (key, each) in keys {
            let scope = overlay(&scope, key.as_ref(), each.as_ref());
            let (config, mut found) = prepared.eval(&scope);
            let limit = self.limit(list, &scope).map_err(|e| found.push(*e)).unwrap_or(LIMIT);
            let objects = self.include(list, &scope).map_err(|e| found.push(*e)).unwrap_or(false);
            let config = config.unmarked();
            if let Some(path) = config.first_unknown().filter(|_| !found.iter().any(Diagnostic::is_error)) {
                let detail = format!("The argument {path} is not known: it depends on what is not there yet.");
                found.push(Diagnostic::error("Unknown value in a query", detail).at(&list.span));
            }
            problems.extend(found);
            let key = key.map(|k| k.to_string()).unwrap_or_default();
            all.push((format!("list.{}.{}{key}", list.ty, list.name), config, (limit, objects || self.objects)));
        }
        all
    }

    fn limit(&self, list: &ListBlock, scope: &dyn Scope) -> Result<usize, Box<Diagnostic>> {
        let Some(expr) = &list.limit else { return Ok(LIMIT) };
        let value = known(expr, scope, &Type::Number)?;
        let number = value.as_num().and_then(|n| n.to_u64()).and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| {
            let detail = "The limit must be a whole number, zero or more.";
            Box::new(Diagnostic::error("Invalid limit argument", detail).at(&expr.span))
        })
    }

    fn include(&self, list: &ListBlock, scope: &dyn Scope) -> Result<bool, Box<Diagnostic>> {
        let Some(expr) = &list.include else { return Ok(false) };
        Ok(known(expr, scope, &Type::Bool)?.as_bool().unwrap_or(false))
    }

    /// Writes a resource block and an import block for each object into a new file.
    async fn write(
        &self,
        fleet: &Fleet,
        lists: &[ListBlock],
        listings: &[Listing],
        file: &Path,
    ) -> Result<(), Vec<Diagnostic>> {
        let tree = self.project.tree();
        let providers = Providers::of(&tree);
        let mut out = HEADER.to_string();
        let mut taken: Vec<String> = Vec::new();
        for list in lists {
            let own = format!("list.{}.{}", list.ty, list.name);
            let mine = listings.iter().filter(|l| l.address.split('[').next() == Some(&own));
            let reference = providers.reference(&tree, 0, &list.provider.name, list.provider.alias.as_ref());
            let Some(plugin) = fleet.plugin(&reference) else { continue };
            let Some(schema) = plugin.schemas().resources.get(&list.ty).cloned() else { continue };
            for (instance, listing) in mine.enumerate() {
                for (at, found) in listing.found.iter().enumerate() {
                    let Some(object) = &found.object else {
                        let detail = format!(
                            "The provider {} lists {} without its attributes, so that nothing can be written for it.",
                            reference.source, found.display_name
                        );
                        return Err(vec![Diagnostic::error("Resource object not returned", detail).at(&list.span)]);
                    };
                    let mut name = match listing.address.contains('[') {
                        true => format!("{}_{instance}_{at}", list.name),
                        false => format!("{}_{at}", list.name),
                    };
                    // Two blocks may come to the same names.
                    while taken.contains(&format!("{}.{name}", list.ty)) {
                        name.push('_');
                    }
                    taken.push(format!("{}.{name}", list.ty));
                    let object = match plugin.schemas().generate_config {
                        true => plugin.generate_config(&list.ty, object).await.map_err(|e| call_problems(&e))?.value,
                        false => object.clone(),
                    };
                    let address = Address::managed(list.ty.clone(), name.as_str(), None);
                    let provider = list.provider.text();
                    out.push('\n');
                    out.push_str(&generate::resource(&address, None, Some(&provider), &schema.block, &object));
                    out.push('\n');
                    out.push_str(&generate::import(&address, &found.identity));
                }
            }
        }
        std::fs::write(file, out).map_err(|e| {
            let detail = format!("{} cannot be written: {e}.", file.display());
            vec![Diagnostic::error("Configuration not generated", detail)]
        })
    }
}

fn stop_on_errors(problems: &mut Vec<Diagnostic>) -> Result<(), Vec<Diagnostic>> {
    if problems.iter().any(Diagnostic::is_error) { Err(std::mem::take(problems)) } else { Ok(()) }
}

/// A value that is known, of a type.
fn known(expr: &crate::lang::ast::Expr, scope: &dyn Scope, ty: &Type) -> Result<Value, Box<Diagnostic>> {
    let refuse = |detail: String| Box::new(Diagnostic::error("Invalid list argument", detail).at(&expr.span));
    let (value, problems) = eval(expr, scope);
    if let Some(problem) = problems.into_iter().find(Diagnostic::is_error) {
        return Err(problem.into());
    }
    let value = convert(&value.unmarked(), ty).map_err(|e| refuse(format!("{e}.")))?;
    match value.is_wholly_known() && !value.is_null() {
        true => Ok(value),
        false => Err(refuse("The value must be known, and not null.".into())),
    }
}

/// Asks for one listing.
async fn listing(
    plugin: &Plugin,
    list: &ListBlock,
    asked: Asked,
) -> Result<(Listing, Vec<Diagnostic>), Vec<Diagnostic>> {
    let Asked { address, config, limit, objects } = asked;
    let about = |all: Vec<Diagnostic>| -> Vec<Diagnostic> {
        all.into_iter()
            .map(|mut p| {
                p.address = Some(address.clone());
                if p.span.is_none() { p.at(&list.span) } else { p }
            })
            .collect()
    };
    let ty: &Str = &list.ty;
    let failed = |error: &_| about(call_problems(error));
    let mut warnings = diagnostics(&plugin.validate_list(ty, &config).await.map_err(|e| failed(&e))?);
    let mut found = Vec::new();
    // To the provider zero is no limit at all.
    if limit > 0 {
        for one in plugin.list(ty, &config, objects, limit).await.map_err(|e| failed(&e))? {
            warnings.extend(diagnostics(&one.diagnostics));
            found.push(Found { identity: one.identity, display_name: one.display_name, object: one.state });
        }
    }
    let warnings = about(warnings);
    let identity_version = plugin.schemas().identities.get(ty).map_or(0, |s| s.version);
    let resource_type = ty.to_string();
    Ok((Listing { address, resource_type, identity_version, config, found }, warnings))
}
