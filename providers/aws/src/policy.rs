//! The least-privilege policy: made from the calls there are.

use crate::api::{ALL, Api};
use serde_json::json;
use std::collections::BTreeSet;

/// Granted beside the calls: what AWS checks when a role is handed on or made for a service.
const BESIDE: &[(&str, &str, &str)] = &[
    ("HandOnInstanceRoles", "iam:PassRole", "ec2.amazonaws.com"),
    ("RolesOfServices", "iam:CreateServiceLinkedRole", "autoscaling.amazonaws.com"),
    ("RolesOfBalancers", "iam:CreateServiceLinkedRole", "elasticloadbalancing.amazonaws.com"),
];

fn permissions(wanted: impl Fn(&Api) -> bool) -> BTreeSet<&'static str> {
    // Who one is may always be asked; it takes no permission, and naming it does no harm.
    ALL.iter().filter(|api| wanted(api)).map(|api| api.permission).collect()
}

/// The document, as JSON.
pub fn document() -> String {
    let mut statements = vec![
        json!({"Sid": "Look", "Effect": "Allow", "Action": permissions(|api| !api.changes), "Resource": "*"}),
        json!({"Sid": "Change", "Effect": "Allow", "Action": permissions(|api| api.changes), "Resource": "*"}),
    ];
    for (sid, action, service) in BESIDE {
        let key = if *action == "iam:PassRole" { "iam:PassedToService" } else { "iam:AWSServiceName" };
        statements.push(json!({
            "Sid": sid, "Effect": "Allow", "Action": [action], "Resource": "*", "Condition": {"StringEquals": {key: service}}
        }));
    }
    serde_json::to_string_pretty(&json!({"Version": "2012-10-17", "Statement": statements})).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_the_examples_is_the_one_made_here() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/aws-policy.json");
        let text = std::fs::read_to_string(path).expect("the document");
        assert_eq!(
            text.trim_end(),
            document(),
            "write it anew with: terraform-provider-aws policy > examples/aws-policy.json"
        );
    }

    #[test]
    fn every_call_is_in_it_and_nothing_is_granted_wholesale() {
        let document = document();
        for api in ALL {
            assert!(document.contains(&format!("\"{}\"", api.permission)), "{}", api.permission);
        }
        assert!(!document.contains(":*\""), "no service as a whole");
    }
}
