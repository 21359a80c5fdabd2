//! Condition blocks: `validation`, `precondition`, `postcondition`, `assert`.

use super::Decoder;
use super::content::{Shape, check, check_labels};
use crate::diag::Diagnostic;
use crate::lang::ast::{Block, Body};
use crate::lang::module::{CheckRule, Mode};
use crate::lang::reference::{Subject, references, traversals};

impl Decoder<'_> {
    /// The condition blocks of a type. One that misses an argument is reported and left out.
    pub(super) fn rules(&mut self, body: &Body, kind: &str) -> Vec<CheckRule> {
        body.blocks_of(kind).filter_map(|block| self.rule(block)).collect()
    }

    /// A condition block; `None` if a part of it is missing or it checks nothing.
    pub(super) fn rule(&mut self, block: &Block) -> Option<CheckRule> {
        const SHAPE: Shape<'_> = Shape { attributes: &[("condition", true), ("error_message", true)], blocks: &[] };
        check_labels(block, &[], &mut self.diags);
        check(&block.body, &SHAPE, &mut self.diags);
        let condition = block.body.attribute("condition");
        let mut refers = true;
        if let Some(condition) = condition {
            refers = false;
            traversals(&condition.expr, &mut |_| refers = true);
            if !refers {
                let detail = "The condition expression must refer to at least one object from elsewhere in the configuration, \
                              or else its result would not be checking anything.";
                self.error(&format!("Invalid {} expression", block.kind.name), detail, &condition.expr.span);
            }
        }
        let (condition, message) = (condition?, block.body.attribute("error_message")?);
        refers.then(|| CheckRule {
            condition: condition.expr.clone(),
            error_message: message.expr.clone(),
            span: block.header.clone(),
        })
    }

    /// The `validation` blocks of a variable: each condition must look at it.
    pub(super) fn validations(&mut self, body: &Body, name: &str) -> Vec<CheckRule> {
        let looks = |rule: &CheckRule| {
            references(&rule.condition).0.iter().any(|reference| reference.subject == Subject::Variable(name))
        };
        for block in body.blocks_of("validation") {
            let Some(condition) = block.body.attribute("condition") else { continue };
            let looked = references(&condition.expr).0.iter().any(|r| r.subject == Subject::Variable(name));
            if !looked {
                let detail = format!(
                    "The condition for variable {name:?} must refer to var.{name} in order to test incoming values."
                );
                // After what is said of the block's arguments.
                self.later
                    .push(Diagnostic::error("Invalid variable validation condition", detail).at(&condition.expr.span));
            }
        }
        self.rules(body, "validation").into_iter().filter(looks).collect()
    }

    /// Conditions of a resource: none may refer to the resource by its own name.
    pub(super) fn resource_rules(
        &mut self,
        body: &Body,
        kind: &str,
        (mode, ty, name): (Mode, &str, &str),
    ) -> Vec<CheckRule> {
        let rules = self.rules(body, kind);
        for rule in &rules {
            for expr in [&rule.condition, &rule.error_message] {
                if references(expr).0.iter().any(|r| r.subject == Subject::Resource(mode, ty, name)) {
                    let detail = format!("Configuration for {}{ty}.{name} may not refer to itself.", mode.prefix());
                    self.error(&format!("Invalid reference in {kind}"), detail, &expr.span);
                }
            }
        }
        rules
    }
}
