//! Replicas that exist come under management by `import` blocks: they count before anything is placed.

use crate::stack::{INSTANCES, Stack, two_zones};

/// A spec whose replicas run and that nobody remembers, and their import blocks.
fn forgotten() -> (Stack, String, String) {
    let spec = two_zones(&format!("  replicas = 2\n{INSTANCES}"));
    let stack = Stack::new(&spec);
    stack.run("apply -auto-approve").ends(0);
    let mut imports = String::new();
    for one in stack.existing("sim_instance") {
        let (id, zone) = (one["id"].as_str().unwrap(), one["zone"].as_str().unwrap());
        imports.push_str(&format!(
            "import {{\n  to = workload.web.sim_instance.server[\"{zone}/0\"]\n  id = \"{id}\"\n}}\n"
        ));
        let address = format!("workload.web.sim_instance.server[\"{zone}/0\"]");
        stack.run(&format!("state rm {address}")).ends(0);
    }
    (stack, spec, imports)
}

#[test]
fn replicas_that_import_blocks_name_are_taken_over_and_not_made_again() {
    let (stack, spec, imports) = forgotten();
    let before = stack.existing("sim_instance");
    stack.run("plan").ends(0).says("2 to add");
    stack.write(&format!("{spec}{imports}"));
    stack.run("plan").ends(0).says("0 to add, 0 to change, 0 to remove").says("imported from");
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(stack.existing("sim_instance"), before, "nothing was made and nothing touched");
    // The blocks may stay, and may go.
    stack.run("plan -detailed-exitcode").ends(0);
    stack.write(&spec);
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_plan_that_was_saved_takes_replicas_over_too() {
    let (stack, spec, imports) = forgotten();
    stack.write(&format!("{spec}{imports}"));
    stack.run("plan -out=saved.plan").ends(0);
    stack.run("apply saved.plan").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    assert_eq!(stack.existing("sim_instance").len(), 2);
}

#[test]
fn an_end_of_everything_takes_nothing_over() {
    let (stack, spec, imports) = forgotten();
    stack.write(&format!("{spec}{imports}"));
    stack.run("destroy -auto-approve").ends(0);
    assert_eq!(stack.existing("sim_instance").len(), 2);
}

#[test]
fn an_import_block_names_a_replica_of_a_location_that_there_is() {
    let (stack, spec, imports) = forgotten();
    stack.write(&format!("{spec}{}", imports.replace("\"a/0\"", "\"zz/0\"")));
    stack.run("plan").ends(1).says("Configuration for import target does not exist").says("zz/0");
    stack.write(&format!("{spec}{}", imports.replace("workload.web", "workload.none")));
    stack.run("plan").ends(1).says("does not exist");
}
