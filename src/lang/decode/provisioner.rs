//! `provisioner` and `connection` blocks: their shape, and what those that run at the end of an object may refer to.

use super::Decoder;
use super::content::check_labels;
use crate::lang::ast::{Attribute, Block, Body, ExprKind, Step, StepKind, Traversal};
use crate::lang::reference::traversals;

/// Provisioners Terraform once had.
const GONE: &[&str] = &["chef", "habitat", "puppet", "salt-masterless"];

impl Decoder<'_> {
    /// The provisioners and the connection of a resource or of a `removed` block (`owner`), checked.
    pub(super) fn provisioners(&mut self, body: &Body, owner: &str) -> (Vec<Block>, Option<Block>) {
        let mut connection: Option<&Block> = None;
        for block in body.blocks_of("connection") {
            if !check_labels(block, &[], &mut self.diags) {
                continue;
            }
            match connection {
                Some(first) => self.duplicate_connection(owner, first, block),
                None => connection = Some(block),
            }
        }
        let mut all = Vec::new();
        let mut at_the_end = false;
        for block in body.blocks_of("provisioner") {
            if check_labels(block, &["type"], &mut self.diags)
                && let Some(destroys) = self.provisioner(block)
            {
                at_the_end |= destroys;
                all.push(block.clone());
            }
        }
        if let (true, Some(connection)) = (at_the_end, connection) {
            self.only_own_references(&connection.body);
        }
        (all, connection.cloned())
    }

    fn duplicate_connection(&mut self, owner: &str, first: &Block, block: &Block) {
        let detail = format!("This {owner} already has a connection block at {}.", self.place(&first.header));
        self.error("Duplicate connection block", detail, &block.header);
    }

    /// Checks one; says whether it runs when the object is destroyed. `None`: there is no such thing any more.
    fn provisioner(&mut self, block: &Block) -> Option<bool> {
        let label = block.labels.first()?;
        if GONE.contains(&&*label.text) {
            let summary = format!("The {:?} provisioner has been removed", &*label.text);
            self.error(&summary, "Terraform dropped it in version 0.15, and straddle never had it.", &label.span);
            return None;
        }
        let body = &block.body;
        let destroys = match self.word(body.attribute("when"), &["create", "destroy"]) {
            Ok(word) => word == Some("destroy"),
            Err(attribute) => {
                let detail = "The \"when\" argument requires one of the following keywords: create or destroy.";
                self.error("Invalid \"when\" keyword", detail, &attribute.expr.span);
                false
            }
        };
        if destroys {
            self.only_own_references(body);
        }
        if let Err(attribute) = self.word(body.attribute("on_failure"), &["continue", "fail"]) {
            let detail = "The \"on_failure\" argument requires one of the following keywords: continue or fail.";
            self.error("Invalid \"on_failure\" keyword", detail, &attribute.expr.span);
        }
        let mut connection: Option<&Block> = None;
        let mut escape: Option<&Block> = None;
        for inner in &body.blocks {
            match (&*inner.kind.name, connection) {
                ("connection", Some(first)) => self.duplicate_connection("provisioner", first, inner),
                ("connection", None) => {
                    connection = Some(inner);
                    if destroys {
                        self.only_own_references(&inner.body);
                    }
                }
                ("_", _) => self.escape_block(&mut escape, inner, "provisioner-type-specific", "provisioner block"),
                ("lifecycle", _) => self.reserved_block(inner, "provisioner"),
                // The provisioner's own schema judges the others.
                _ => {}
            }
        }
        Some(destroys)
    }

    /// One of some keywords, written bare or, as long ago, in quotes. The attribute if it is none of them.
    fn word<'w, 'a>(
        &mut self,
        attribute: Option<&'a Attribute>,
        words: &[&'w str],
    ) -> Result<Option<&'w str>, &'a Attribute> {
        let Some(attribute) = attribute else { return Ok(None) };
        let quoted = attribute.expr.literal_text();
        if quoted.is_some() {
            let detail = "In this context, keywords are expected literally rather than in quotes. Terraform 0.11 and earlier \
                          required quotes, but quoted keywords are now deprecated and will be removed in a future version of \
                          Terraform. Remove the quotes surrounding this keyword to silence this warning.";
            self.warning("Quoted keywords are deprecated", detail, &attribute.expr.span);
        }
        let given = quoted.or(attribute.expr.keyword());
        words.iter().find(|word| given == Some(**word)).map(|word| Some(*word)).ok_or(attribute)
    }

    /// What runs when an object is destroyed may refer to that object only: others may be gone already.
    fn only_own_references(&mut self, body: &Body) {
        for attribute in &body.attributes {
            if matches!(&*attribute.name.name, "when" | "on_failure") {
                continue;
            }
            let mut others = 0;
            traversals(&attribute.expr, &mut |traversal| others += usize::from(!is_own(traversal)));
            for _ in 0..others {
                let detail = "Destroy-time provisioners and their connection configurations may only reference attributes of \
                              the related resource, via 'self', 'count.index', or 'each.key'.\n\nReferences to other \
                              resources during the destroy phase can cause dependency cycles and interact poorly with \
                              create_before_destroy.";
                self.error("Invalid reference from destroy provisioner", detail, &attribute.expr.span);
            }
        }
    }
}

/// Whether a traversal names the object at hand, or what never changes.
fn is_own(traversal: &Traversal) -> bool {
    let only =
        |name: &str| matches!(traversal.steps.as_slice(), [Step { kind: StepKind::Attr(attr), .. }] if &**attr == name);
    match &*traversal.root.name {
        "self" | "path" | "terraform" => true,
        "count" => only("index"),
        "each" => only("key"),
        _ => false,
    }
}

/// Whether a provisioner block runs when the object is destroyed.
pub(super) fn runs_at_the_end(block: &Block) -> bool {
    let Some(attribute) = block.body.attribute("when") else { return false };
    attribute.expr.literal_text().or(match &attribute.expr.kind {
        ExprKind::Traversal(t) if t.steps.is_empty() => Some(&*t.root.name),
        _ => None,
    }) == Some("destroy")
}
