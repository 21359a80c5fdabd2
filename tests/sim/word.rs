//! A person's word in a loss: where to go, what to pass over, what to take for healthy; and what nobody can reach meanwhile.

use crate::stack::{GROUPS, INSTANCES, Stack, two_zones};

/// Three clouds of one zone each, a provider configuration each; `dns` steers from the first.
fn three_clouds(inside: &str) -> String {
    let mut spec = String::new();
    for (cloud, zone) in [("x", "a"), ("y", "b"), ("z", "c")] {
        spec.push_str(&format!(
            "provider \"sim\" {{\n  alias = \"{cloud}\"\n  cloud = \"{cloud}\"\n}}\n\nlocation \"{zone}\" {{\n  provider = sim.{cloud}\n  domains  = {{ cloud = \"{cloud}\", region = \"r\", zone = \"{zone}\" }}\n  capacity = 20\n}}\n\n"
        ));
    }
    format!(
        "{spec}resource \"sim_record\" \"front\" {{\n  provider = sim.x\n  name     = \"web.example\"\n  type     = \"A\"\n  ttl      = 30\n  targets  = workload.web.share\n}}\n\nworkload \"web\" {{\n{inside}\n}}\n"
    )
}

fn nine(more: &str) -> String {
    three_clouds(&format!("  replicas = 9\n  spread \"cloud\" {{\n    ratio = \"even\"\n  }}\n{more}{INSTANCES}"))
}

fn zones(stack: &Stack) -> [usize; 3] {
    let all = stack.existing("sim_instance");
    ["a", "b", "c"].map(|zone| all.iter().filter(|i| i["zone"] == zone).count())
}

fn targets(stack: &Stack) -> serde_json::Value {
    stack.existing("sim_record")[0]["targets"].clone()
}

/// `two-clouds`: the cloud that is lost holds the record that would steer away from it.
#[test]
fn a_failover_leaves_what_only_the_lost_cloud_can_change_and_says_so() {
    for loss in ["down", "unreachable"] {
        let stack = Stack::new(&nine(""));
        stack.run("apply -auto-approve").ends(0);
        let before = targets(&stack);
        stack.run(&format!("sim {loss} cloud:x")).ends(0);
        let plan = stack.run("plan").ends(0);
        plan.says("sim_record.front could not be read").says("nothing about it is changed");
        let over = stack.run("failover -lose=cloud:x -auto-approve").ends(0);
        over.says("A change that cannot be made now")
            .says("\"targets\" of sim_record.front should change")
            .says("What it sends to web goes on as it was");
        assert_eq!(zones(&stack), [3, 5, 4], "{loss}: all nine serve again");
        assert_eq!(targets(&stack), before, "{loss}");
        stack.run("failover -lose=cloud:x -auto-approve").ends(0).says("nothing to do");
        stack.run("plan -detailed-exitcode").ends(0);
        stack.run("sim up cloud:x").ends(0);
        // It answers again: now what it steers follows the failover, and the way back brings both home.
        stack.run("apply -auto-approve").ends(0);
        assert!(targets(&stack).get("x").is_none_or(|share| share == 0), "{}", targets(&stack));
        stack.run("failback -auto-approve").ends(0);
        assert_eq!((zones(&stack), targets(&stack)), ([3, 3, 3], before), "{loss}");
        stack.run("plan -detailed-exitcode").ends(0);
    }
}

/// Unreadable outside of any loss: nothing sound can be planned around it.
#[test]
fn what_cannot_be_read_elsewhere_is_an_error_still() {
    let dns = "provider \"sim\" {\n  alias = \"dns\"\n  cloud = \"dns\"\n}\n\n";
    let stack =
        Stack::new(&format!("{dns}{}", nine("").replace("provider = sim.x\n  name", "provider = sim.dns\n  name")));
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim unreachable cloud:dns").ends(0);
    stack.run("plan").ends(1).says("No answer");
}

#[test]
fn failover_to_a_place_makes_everything_new_there_until_failback() {
    let stack = Stack::new(&nine(""));
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim down cloud:x").ends(0);
    stack.run("failover -to=nowhere -auto-approve").ends(1).says("where no location stands");
    stack.run("failover -to=a -auto-approve").ends(1).says("is a part of what is lost");
    assert_eq!(zones(&stack), [3, 3, 3]);
    stack.run("failover -to=cloud:z -reason=drill -auto-approve").ends(0).says("everything new is made there");
    assert_eq!(zones(&stack), [3, 3, 6]);
    // As long as it is in force, nothing goes elsewhere: neither by a plan nor by the repair of what is gone.
    stack.run("plan -detailed-exitcode").ends(0);
    stack.run("sim kill 1 --in zone:b").ends(0);
    stack.run("apply -auto-approve").ends(0);
    assert_eq!(zones(&stack), [3, 2, 7]);
    stack.run("sim up cloud:x").ends(0);
    stack.run("failback -auto-approve").ends(0);
    assert_eq!(zones(&stack), [3, 3, 3]);
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn a_forced_failover_needs_a_reason_and_is_remembered_with_it() {
    let stack = Stack::new(&nine("  failover {\n    mode = \"alarm\"\n  }\n"));
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim down cloud:x").ends(0);
    stack.run("failover -auto-approve").ends(0);
    assert_eq!(zones(&stack), [3, 3, 3], "it is only told");
    stack.run("failover -force -auto-approve").ends(1).says("No reason given");
    stack.run("failover -force -reason= -auto-approve").ends(1).says("No reason given");
    stack.run("failover -force -reason=at-3-a.m. -auto-approve").ends(0).says("FORCED");
    assert_eq!(zones(&stack), [3, 5, 4]);
    stack.run("failback -check").says("floors passed over, reason: at-3-a.m.");
}

#[test]
fn what_is_assumed_healthy_counts_for_one_command_and_is_left_alone() {
    for (template, ty) in [(INSTANCES, "sim_instance"), (GROUPS, "sim_group")] {
        // Half of what stands must go from b, which full floors allow only if a serves.
        let spec = |n: u32| {
            two_zones(&format!(
                "  replicas = {n}\n  spread \"zone\" {{\n    ratio = {{ a = 1, b = 1 }}\n    tolerance = 9\n  }}\n  floor {{\n    serving = 4\n  }}\n{template}"
            ))
        };
        let mut split = spec(8).replace(
            "cloud = \"c\"\n}",
            "alias = \"a\"\n  cloud = \"c\"\n}\n\nprovider \"sim\" {\n  alias = \"b\"\n  cloud = \"c\"\n}",
        );
        split = split.replacen("provider = sim\n", "provider = sim.a\n", 1).replacen(
            "provider = sim\n",
            "provider = sim.b\n",
            1,
        );
        let stack = Stack::new(&split);
        stack.run("apply -auto-approve").ends(0);
        stack.run("sim unreachable zone:a").ends(0);
        stack.write(&split.replace("replicas = 8", "replicas = 6"));
        let seen = || stack.json("sim status -json");
        let before = seen();
        stack.run("apply -auto-approve");
        assert_eq!(seen()["resources"], before["resources"], "{ty}: nothing goes on a hope");
        stack.run("apply -assume=a -auto-approve").ends(1).says("says of no place that it is healthy");
        stack.run("apply -assume=x=healthy -auto-approve").ends(1).says("where no location stands");
        stack.run("plan -assume=a=healthy -out=p").ends(1).says("An assumption is not saved");
        stack.run("apply -assume=zone:a=healthy -auto-approve").ends(0).says("Taken for healthy on your word");
        let left = |zone: &str| -> u64 {
            let all = stack.existing(ty);
            let here = all.iter().filter(|i| i["zone"] == zone);
            here.map(|i| i["desired"].as_u64().unwrap_or(1)).sum()
        };
        assert_eq!((left("a"), left("b")), (4, 2), "{ty}");
        // It was for that command.
        stack.run("plan").ends(0).says("UNKNOWN");
        // What is known is not overruled.
        stack.run("sim down zone:a").ends(0);
        stack.run("plan -assume=a=healthy").says("Not taken for healthy");
    }
}

#[test]
fn a_deadline_that_nothing_can_meet_is_refused_with_its_line() {
    let spec = |rollout: &str| two_zones(&format!("  replicas = 2\n  rollout {{\n{rollout}  }}\n{INSTANCES}"));
    let stack = Stack::new(&spec("    healthy_for = \"60s\"\n    deadline = \"30s\"\n"));
    stack.run("validate").ends(1).says("A deadline nothing can meet").says("deadline = \"30s\"");
    stack.write(&spec("    healthy_for = \"20m\"\n"));
    stack.run("validate").ends(1).says("since none is written").says("healthy_for = \"20m\"");
    let slow = |deadline: &str| {
        let text = spec(&format!("    healthy_for = \"60s\"\n    deadline = \"{deadline}\"\n"));
        text.replacen("provider = sim\n", "provider = sim\n  boot     = \"90s\"\n", 1)
    };
    stack.write(&slow("2m"));
    stack.run("validate").ends(0).says("A deadline that booting alone may miss").says("150s in all");
    stack.write(&slow("150s"));
    assert!(!stack.run("validate").ends(0).out.contains("deadline"));
}

#[test]
fn a_step_moves_no_more_of_one_location_than_batch_per_domain() {
    let spec = |image: &str| {
        let rollout = "  replicas = 8\n  rollout {\n    surge = 4\n    batch = 4\n    batch_per_domain = 1\n  }\n";
        two_zones(&format!("{rollout}{INSTANCES}")).replace("\"one\"", &format!("\"{image}\""))
    };
    let stack = Stack::new(&spec("one"));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&spec("two"));
    stack.run("plan -out=p").ends(0);
    let plan = stack.json("show -json p");
    let steps = plan["straddle"]["workloads"]["web"]["steps"].as_array().unwrap();
    for kind in ["adds", "removes"] {
        let most = |step: &serde_json::Value| {
            step[kind].as_array().unwrap().iter().map(|e| e["count"].as_u64().unwrap()).max()
        };
        assert_eq!(steps.iter().filter_map(most).max(), Some(1), "{kind}");
        let both = |step: &&serde_json::Value| step[kind].as_array().unwrap().len() == 2;
        assert!(steps.iter().any(|s| both(&s)), "{kind}: a step may move one of each");
    }
    stack.run("verify p").ends(0);
    stack.run("apply p").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    stack.write(&spec("two").replace("batch_per_domain = 1", "batch_per_domain = 0"));
    stack.run("validate").ends(1).says("Nothing would ever move");
}

/// A location whose replicas do not all serve for longer than `detect` is DEGRADED, until they do.
#[test]
fn a_location_where_too_few_serve_for_long_is_degraded() {
    let inside = "  replicas = 4\n  failover {\n    detect = \"0s\"\n  }\n  rollout {\n    deadline = \"1s\"\n  }\n";
    let stack = Stack::new(&two_zones(&format!("{inside}{INSTANCES}")));
    stack.run("apply -auto-approve").ends(0);
    let ill =
        stack.existing("sim_instance").iter().find(|i| i["zone"] == "a").unwrap()["id"].as_str().unwrap().to_string();
    stack.run(&format!("sim edit {ill} state=stopped")).ends(0);
    // Nobody has seen it before: it has lasted no time.
    stack.run("plan").ends(0).says("Locations a UP, b UP");
    stack.run("plan -out=p").ends(0);
    // An apply that waits for it in vain writes down since when.
    stack.run("apply -auto-approve").ends(7);
    stack.run("plan").ends(0).says("Locations a DEGRADED, b UP");
    assert_eq!(stack.json("drift -json")["locations"]["a"]["state"], "degraded");
    stack.run(&format!("sim edit {ill} state=running")).ends(0);
    stack.run("plan -detailed-exitcode").ends(0).says("Locations a UP, b UP");
}

/// `destroy` with a zone down ended with a fault of straddle itself where replicas hang on a load balancer.
#[test]
fn a_destroy_leaves_what_it_cannot_reach_with_all_it_needs_and_says_so() {
    let inside = "  replicas = 4\n  replica \"server\" {\n    resource \"sim_instance\" \"server\" {\n      zone  = location.domains.zone\n      image = \"one\"\n      size  = \"s\"\n    }\n    resource \"sim_target\" \"front\" {\n      load_balancer_id = sim_load_balancer.front.id\n      instance_id      = sim_instance.server.id\n    }\n    ready = sim_instance.server.state == \"running\"\n  }\n";
    let front = "resource \"sim_load_balancer\" \"front\" {\n  name = \"front\"\n}\n\nresource \"sim_load_balancer\" \"other\" {\n  name = \"other\"\n}\n\n";
    for loss in ["down", "unreachable"] {
        let stack = Stack::new(&format!("{front}{}", two_zones(inside)));
        stack.run("apply -auto-approve").ends(0);
        stack.run(&format!("sim {loss} zone:a")).ends(0);
        stack.run("destroy -auto-approve").ends(7).says("Not everything is destroyed");
        let left = stack.existing("sim_instance");
        assert!(left.len() == 2 && left.iter().all(|i| i["zone"] == "a"), "{loss}: {left:?}");
        assert_eq!(stack.existing("sim_target").len(), 2, "{loss}");
        assert_eq!(stack.existing("sim_load_balancer").len(), 1, "{loss}: what they hang on, and nothing else");
        stack.run("destroy -auto-approve").ends(7);
        stack.run("sim up zone:a").ends(0);
        stack.run("destroy -auto-approve").ends(0);
        assert_eq!(stack.json("sim status -json")["resources"], serde_json::json!([]), "{loss}");
    }
}
