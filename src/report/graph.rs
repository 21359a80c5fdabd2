//! Drawings of what depends on what: for Graphviz, in the two forms Terraform has, and for Mermaid.

use crate::plan::outline::{Node, NodeKind, Outline};
use std::collections::BTreeMap;

/// Resources for Graphviz, those of a module in a box.
pub fn dot(outline: &Outline) -> String {
    let mut out = String::from("digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n");
    for (module, nodes) in by_module(outline) {
        let indent = if module.is_empty() { "  " } else { "    " };
        if !module.is_empty() {
            out.push_str(&format!(
                "  subgraph {} {{\n    label = {}\n    fontname = \"sans-serif\"\n",
                quoted(&format!("cluster_{module}")),
                quoted(module)
            ));
        }
        for node in nodes {
            out.push_str(&format!("{indent}{} [label={}];\n", quoted(&node.address()), quoted(&node.name)));
        }
        if !module.is_empty() {
            out.push_str("  }\n");
        }
    }
    for (from, to) in edges(outline, &Node::address, true) {
        out.push_str(&format!("  {} -> {};\n", quoted(&from), quoted(&to)));
    }
    out.push_str("}\n");
    out
}

/// Everything for Graphviz, as `terraform graph -type=plan` draws it.
pub fn dot_of_plan(outline: &Outline) -> String {
    let mut out = String::from("digraph {\n\tcompound = \"true\"\n\tnewrank = \"true\"\n\tsubgraph \"root\" {\n");
    let mut nodes: Vec<(String, &Node)> = outline.nodes.iter().map(|n| (full_name(n), n)).collect();
    nodes.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, node) in nodes {
        let shape = match node.kind {
            NodeKind::Resource => "box",
            NodeKind::Provider => "diamond",
            NodeKind::RootVariable => "note",
            _ => continue,
        };
        let label = quoted(&node.address());
        out.push_str(&format!("\t\t{} [label = {label}, shape = \"{shape}\"]\n", quoted(&format!("[root] {name}"))));
    }
    for (from, to) in edges(outline, &full_name, false) {
        let (from, to) = (format!("[root] {from}"), format!("[root] {to}"));
        out.push_str(&format!("\t\t{} -> {}\n", quoted(&from), quoted(&to)));
    }
    out.push_str("\t}\n}\n");
    out
}

/// Resources for Mermaid, those of a module in a box.
pub fn mermaid(outline: &Outline) -> String {
    let mut out = String::from("flowchart RL\n");
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for (at, (module, nodes)) in by_module(outline).into_iter().enumerate() {
        let indent = if module.is_empty() { "  " } else { "    " };
        if !module.is_empty() {
            out.push_str(&format!("  subgraph m{at}[\"{}\"]\n", entities(module)));
        }
        for node in nodes {
            let number = names.len();
            names.insert(node.address(), number);
            out.push_str(&format!("{indent}n{number}[\"{}\"]\n", entities(&node.name)));
        }
        if !module.is_empty() {
            out.push_str("  end\n");
        }
    }
    for (from, to) in edges(outline, &Node::address, true) {
        if let (Some(from), Some(to)) = (names.get(&from), names.get(&to)) {
            out.push_str(&format!("  n{from} --> n{to}\n"));
        }
    }
    out
}

/// The nodes of each module, both by name.
fn by_module(outline: &Outline) -> BTreeMap<&str, Vec<&Node>> {
    let mut modules: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    for node in &outline.nodes {
        modules.entry(&node.module).or_default().push(node);
    }
    modules.values_mut().for_each(|nodes| nodes.sort_by(|a, b| a.name.cmp(&b.name)));
    modules
}

/// Both ends of every edge, by name; those of the root module first where modules count.
fn edges(outline: &Outline, name: &dyn Fn(&Node) -> String, modules: bool) -> Vec<(String, String)> {
    let names: Vec<String> = outline.nodes.iter().map(name).collect();
    let mut edges: Vec<(usize, usize)> =
        outline.needs.iter().enumerate().flat_map(|(from, needs)| needs.iter().map(move |to| (from, *to))).collect();
    let key = |node: usize| (outline.nodes[node].module.as_str().repeat(usize::from(modules)), &names[node]);
    edges.sort_by(|a, b| (key(a.0), key(a.1)).cmp(&(key(b.0), key(b.1))));
    edges.into_iter().map(|(from, to)| (names[from].clone(), names[to].clone())).collect()
}

/// A node's name in Terraform's plan graph.
fn full_name(node: &Node) -> String {
    match node.kind {
        NodeKind::Resource | NodeKind::Local | NodeKind::Output | NodeKind::Variable => {
            format!("{} (expand)", node.address())
        }
        NodeKind::ModuleOpen => format!("{} (expand)", node.module),
        NodeKind::ModuleClose => format!("{} (close)", node.module),
        NodeKind::Provider | NodeKind::ProviderClose | NodeKind::RootVariable | NodeKind::Root => node.address(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn entities(text: &str) -> String {
    text.replace('"', "#quot;")
}
