//! New replicas that do not serve by their deadline: taken back, or made elsewhere, if the spec wants it.

use crate::stack::{INSTANCES, Stack, two_zones};

/// A provider configuration for each zone; what is made in b takes so long to boot.
fn spec(replicas: u32, image: &str, boot: [&str; 2], spread: &str, rollout: &str) -> String {
    let inside = format!(
        "  replicas = {replicas}\n  spread \"zone\" {{\n    ratio = \"even\"\n{spread}  }}\n  rollout {{\n    deadline = \"1s\"\n{rollout}  }}\n{INSTANCES}"
    );
    let both = format!(
        "alias = \"a\"\n  cloud = \"c\"\n  boot = \"{}\"\n}}\n\nprovider \"sim\" {{\n  alias = \"b\"\n  cloud = \"c\"\n  boot = \"{}\"\n}}",
        boot[0], boot[1]
    );
    let spec = two_zones(&inside).replacen("cloud = \"c\"\n}", &both, 1).replace("\"one\"", &format!("\"{image}\""));
    spec.replacen("provider = sim\n", "provider = sim.a\n", 1).replacen("provider = sim\n", "provider = sim.b\n", 1)
}

const QUICK: [&str; 2] = ["0s", "0s"];
const NEVER: [&str; 2] = ["0s", "1h"];

fn zones(stack: &Stack) -> [usize; 2] {
    let all = stack.existing("sim_instance");
    ["a", "b"].map(|zone| all.iter().filter(|i| i["zone"] == zone).count())
}

#[test]
fn what_does_not_serve_in_time_is_taken_back_where_the_spec_says_so() {
    let revert = "    auto_revert = true\n";
    for (rollout, left) in [("", [3, 3]), (revert, [3, 2])] {
        let stack = Stack::new(&spec(4, "one", QUICK, "", rollout));
        stack.run("apply -auto-approve").ends(0);
        stack.write(&spec(6, "one", NEVER, "", rollout));
        let late = stack.run("apply -auto-approve").ends(7).says("did not become ready in time");
        assert_eq!(zones(&stack), left, "{}{}", late.out, late.err);
        let said = format!("{}{}", late.out, late.err);
        assert_eq!(said.contains("Taken back"), !rollout.is_empty(), "{said}");
        // The next apply tries again, and comes to its end once what was wrong is mended.
        stack.write(&spec(6, "one", QUICK, "", rollout));
        if rollout.is_empty() {
            stack.run("sim reset").ends(0);
            continue;
        }
        stack.run("apply -auto-approve").ends(0);
        assert_eq!(zones(&stack), [3, 3]);
        stack.run("plan -detailed-exitcode").ends(0);
    }
}

#[test]
fn a_replacement_that_does_not_serve_is_taken_back_and_the_old_one_stays() {
    let all = ["1h", "1h"];
    let revert = "    auto_revert = true\n    surge = 1\n";
    let stack = Stack::new(&spec(4, "one", QUICK, "", revert));
    stack.run("apply -auto-approve").ends(0);
    let before = stack.existing("sim_instance");
    stack.write(&spec(4, "two", all, "", revert));
    stack.run("apply -auto-approve").ends(7);
    assert_eq!(stack.existing("sim_instance"), before, "as if nothing had been tried");
    stack.run("plan -detailed-exitcode").ends(2);
    // Without it the state says what it said: the old spec finds nothing to do.
    stack.write(&spec(4, "one", all, "", revert));
    stack.run("plan -detailed-exitcode").ends(0);
    stack.write(&spec(4, "two", QUICK, "", revert));
    stack.run("apply -auto-approve").ends(0);
    assert!(stack.existing("sim_instance").iter().all(|i| i["image"] == "two"));
    stack.run("plan -detailed-exitcode").ends(0);
}

#[test]
fn what_does_not_serve_in_one_place_is_made_in_another_if_the_ratio_allows_it() {
    let alternate = "    alternate = true\n";
    let tolerant = "    tolerance = 1\n";
    let stack = Stack::new(&spec(4, "one", QUICK, tolerant, alternate));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&spec(6, "one", NEVER, tolerant, alternate));
    stack.run("apply -auto-approve").ends(0).says("others are planned elsewhere");
    assert_eq!(zones(&stack), [4, 2]);
    assert!(stack.existing("sim_instance").iter().all(|i| i["state"] == "running"), "what did not serve is gone");
    stack.run("plan -detailed-exitcode").ends(0);
    // Where a share that finds no place is a refusal, it is no choice.
    let strict = "    on_shortage = \"strict\"\n";
    let stack = Stack::new(&spec(4, "one", QUICK, strict, alternate));
    stack.run("apply -auto-approve").ends(0);
    stack.write(&spec(6, "one", NEVER, strict, alternate));
    assert_ne!(stack.run("apply -auto-approve").code, 0);
    assert_eq!(zones(&stack)[0], 3, "nothing goes beyond the ratio");
}
