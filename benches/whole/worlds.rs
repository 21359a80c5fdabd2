//! The specs that are measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A workload of so many replicas over two zones of the built-in clouds.
pub fn workload(dir: &Path, n: usize) {
    let text = format!(
        r#"
variable "image" {{
  default = "web-1"
}}
provider "sim" {{
  cloud = "simcloud"
}}
location "a" {{
  provider = sim
  domains  = {{ cloud = "simcloud", region = "seoul", zone = "a" }}
}}
location "b" {{
  provider = sim
  domains  = {{ cloud = "simcloud", region = "seoul", zone = "b" }}
}}
workload "web" {{
  replicas = {n}
  spread "zone" {{
    over  = ["a", "b"]
    ratio = "50:50"
  }}
  floor {{
    serving = "100%"
  }}
  survive "zone" {{
    losses = 1
    floor  = "50%"
    then   = {{ "100%" = "15m" }}
    growth = "quota"
  }}
  replica "server" {{
    resource "sim_instance" "server" {{
      zone  = location.domains.zone
      image = var.image
      size  = "s"
      tags  = {{ Name = replica.name }}
    }}
    ready = sim_instance.server.state == "running"
  }}
}}
"#
    );
    write(dir, "web.straddle.hcl", &text);
}

/// A `state` block: a database.
pub fn in_postgres(connection: &str) -> String {
    format!("  state \"postgres\" {{\n    connection = \"{connection}\"\n    name       = \"{}\"\n  }}\n", unique())
}

/// A `state` block: a bucket, the last part of the address.
pub fn in_bucket(address: &str) -> Option<String> {
    let (endpoint, bucket) = address.rsplit_once('/')?;
    let key = unique();
    Some(format!(
        "  state \"s3\" {{\n    bucket     = \"{bucket}\"\n    key        = \"{key}\"\n    endpoint   = \"{endpoint}\"\n    region     = \"us-east-1\"\n    path_style = true\n  }}\n"
    ))
}

/// No two runs of the bench share a state.
fn unique() -> String {
    format!("bench/{}-{:?}", std::process::id(), std::time::Instant::now()).replace([' ', ':', '{', '}', ','], "")
}

/// Says where the state of a directory is kept.
pub fn keep(dir: &Path, block: &str) {
    write(dir, "state.straddle.hcl", &format!("straddle {{\n{block}}}\n"));
}

/// How plain resources hang together.
#[derive(Clone, Copy)]
pub enum Shape {
    /// One block with `count`.
    Count,
    /// As many blocks as resources.
    Blocks,
    /// Blocks in a tree: each refers to its parent, ten children each.
    Tree,
    /// Ten layers of blocks: each refers to three of the layer before.
    Layers,
    /// A `for_each` over a `for_each` of so many.
    Chained,
}

impl Shape {
    pub const ALL: [Shape; 5] = [Shape::Count, Shape::Blocks, Shape::Tree, Shape::Layers, Shape::Chained];

    pub fn name(self) -> &'static str {
        match self {
            Shape::Count => "one count block",
            Shape::Blocks => "separate blocks",
            Shape::Tree => "tree of ten",
            Shape::Layers => "ten layers",
            Shape::Chained => "for_each over for_each",
        }
    }
}

/// So many `terraform_data` resources in a shape.
pub fn plain(dir: &Path, shape: Shape, n: usize) {
    let mut text = String::new();
    match shape {
        Shape::Count => {
            text =
                format!("resource \"terraform_data\" \"r\" {{\n  count = {n}\n  input = \"v${{count.index}}\"\n}}\n");
        }
        Shape::Blocks => (0..n).for_each(|i| block(&mut text, i, &format!("\"v{i}\""))),
        Shape::Tree => (0..n).for_each(|i| match i {
            0 => block(&mut text, 0, "\"root\""),
            _ => block(&mut text, i, &format!("terraform_data.r{}.id", (i - 1) / 10)),
        }),
        Shape::Layers => {
            let layer = n.div_ceil(10).max(1);
            for i in 0..n {
                if i < layer {
                    block(&mut text, i, &format!("\"v{i}\""));
                    continue;
                }
                let first = (i / layer - 1) * layer;
                let three: Vec<String> =
                    (0..3).map(|k| format!("terraform_data.r{}.id", first + (i * 7 + k * 3) % layer)).collect();
                block(&mut text, i, &format!("[{}]", three.join(", ")));
            }
        }
        Shape::Chained => {
            // range() gives 1,024 numbers at most.
            let rows = n.div_ceil(100);
            let _ = write!(
                text,
                "resource \"terraform_data\" \"a\" {{\n  for_each = {{ for p in setproduct(range({rows}), range(100)) : \"k${{p[0]}}-${{p[1]}}\" => p[1] }}\n  input    = each.value\n}}\n\
                 resource \"terraform_data\" \"b\" {{\n  for_each = terraform_data.a\n  input    = each.value.id\n}}\n"
            );
        }
    }
    write(dir, "main.tf", &text);
}

fn block(text: &mut String, i: usize, input: &str) {
    let _ = write!(text, "resource \"terraform_data\" \"r{i}\" {{\n  input = {input}\n}}\n");
}

/// One file of about so many bytes; its length.
pub fn large_file(dir: &Path, bytes: usize) -> usize {
    let mut text = String::new();
    let mut i = 0;
    while text.len() < bytes {
        let _ = write!(
            text,
            "locals {{\n  v{i} = {{ name = \"server-${{upper(\"{i}\")}}\", tags = [\"a\", \"b\", {i}], size = {i} > 3 ? \"l\" : \"s\" }}\n}}\n"
        );
        i += 1;
    }
    write(dir, "main.tf", &text);
    text.len()
}

/// A tree of so many modules' files, each with a few blocks, all called from the root.
pub fn many_files(dir: &Path, files: usize) {
    let modules = files / 5;
    let mut root = String::new();
    for m in 0..modules {
        let _ = write!(root, "module \"m{m}\" {{\n  source = \"./m{m}\"\n  name   = \"m{m}\"\n}}\n");
        let path = dir.join(format!("m{m}"));
        fs::create_dir(&path).expect("a module's directory");
        write(&path, "variables.tf", "variable \"name\" {\n  type = string\n}\n");
        write(&path, "locals.tf", "locals {\n  full = \"${var.name}-x\"\n}\n");
        write(&path, "main.tf", "resource \"terraform_data\" \"this\" {\n  input = local.full\n}\n");
        write(&path, "more.tf", "resource \"terraform_data\" \"more\" {\n  input = terraform_data.this.id\n}\n");
        write(&path, "outputs.tf", "output \"id\" {\n  value = terraform_data.more.id\n}\n");
    }
    write(dir, "main.tf", &root);
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("a spec is written");
}
