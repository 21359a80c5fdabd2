//! Random stories: modules, counts, references, and edits from step to step.

/// A small generator; the same seed gives the same story everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn often(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

/// How a resource or a module is made.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    Once,
    Count(usize),
    Each(usize),
}

#[derive(Clone)]
struct Resource {
    name: String,
    made: Made,
    value: usize,
    replaces: bool,
    first: bool,
    /// Names of resources before it that it refers to.
    needs: Vec<usize>,
    sensitive: bool,
}

#[derive(Clone)]
struct Call {
    name: String,
    made: Made,
    /// The resource whose output is given to it.
    given: Option<usize>,
    value: usize,
}

#[derive(Clone)]
struct World {
    resources: Vec<Resource>,
    calls: Vec<Call>,
}

fn made(dice: &mut Dice) -> Made {
    match dice.roll(5) {
        0 => Made::Count(dice.roll(4)),
        1 => Made::Each(dice.roll(4)),
        _ => Made::Once,
    }
}

fn repetition(made: Made) -> String {
    let keys = ["a", "b/1", "c d", "e"];
    match made {
        Made::Once => String::new(),
        Made::Count(n) => format!("  count = {n}\n"),
        Made::Each(n) => {
            let all: Vec<String> = keys[..n].iter().map(|k| format!("\"{k}\" = \"v-{k}\"")).collect();
            format!("  for_each = {{ {} }}\n", all.join(", "))
        }
    }
}

/// An expression for all outputs of a resource.
fn outputs(r: &Resource) -> String {
    match r.made {
        Made::Once => format!("terraform_data.{}.output", r.name),
        Made::Count(_) => format!("terraform_data.{}[*].output", r.name),
        Made::Each(_) => format!("{{ for k, v in terraform_data.{} : k => v.id }}", r.name),
    }
}

fn own(made: Made) -> &'static str {
    match made {
        Made::Once => "0",
        Made::Count(_) => "count.index",
        Made::Each(_) => "each.value",
    }
}

impl World {
    fn new(dice: &mut Dice) -> World {
        let mut world = World { resources: Vec::new(), calls: Vec::new() };
        for i in 0..3 + dice.roll(4) {
            let needs = (0..i).filter(|_| dice.often(30)).collect();
            world.resources.push(Resource {
                name: format!("r{i}"),
                made: made(dice),
                value: dice.roll(3),
                replaces: dice.often(25),
                first: dice.often(20),
                needs,
                sensitive: dice.often(15),
            });
        }
        for i in 0..dice.roll(3) {
            let given = dice.often(60).then(|| dice.roll(world.resources.len()));
            world.calls.push(Call { name: format!("m{i}"), made: made(dice), given, value: dice.roll(3) });
        }
        world
    }

    fn edit(&mut self, dice: &mut Dice) {
        for _ in 0..1 + dice.roll(3) {
            match dice.roll(5) {
                0 | 1 => {
                    let at = dice.roll(self.resources.len());
                    self.resources[at].value += 1;
                }
                2 => {
                    let at = dice.roll(self.resources.len());
                    self.resources[at].made = made(dice);
                }
                3 if !self.calls.is_empty() => {
                    let at = dice.roll(self.calls.len());
                    self.calls[at].made = made(dice);
                    self.calls[at].value += 1;
                }
                _ => {
                    let at = dice.roll(self.resources.len());
                    self.resources[at].replaces = !self.resources[at].replaces;
                }
            }
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for r in &self.resources {
            let needs: Vec<String> = r.needs.iter().map(|n| outputs(&self.resources[*n])).collect();
            let secret = if r.sensitive { "sensitive(\"s\")" } else { "\"open\"" };
            out.push_str(&format!("resource \"terraform_data\" \"{}\" {{\n{}", r.name, repetition(r.made)));
            out.push_str(&format!(
                "  input = {{ own = {}, n = {}, word = {secret}, from = [{}] }}\n",
                own(r.made),
                r.value,
                needs.join(", ")
            ));
            if r.replaces {
                out.push_str(&format!("  triggers_replace = [{}, {}]\n", r.value, needs.first().map_or("null", |n| n)));
            }
            if r.first {
                out.push_str("  lifecycle {\n    create_before_destroy = true\n  }\n");
            }
            out.push_str("}\n");
        }
        for c in &self.calls {
            let given = c.given.map_or("null".to_string(), |g| outputs(&self.resources[g]));
            out.push_str(&format!("module \"{}\" {{\n  source = \"./m\"\n{}", c.name, repetition(c.made)));
            out.push_str(&format!("  given = {given}\n  n = {}\n}}\n", c.value));
            let read = match c.made {
                Made::Once => format!("module.{}.got", c.name),
                Made::Count(_) => format!("module.{}[*].got", c.name),
                Made::Each(_) => format!("[for m in module.{} : m.got]", c.name),
            };
            out.push_str(&format!("output \"{}\" {{\n  value = {read}\n  sensitive = true\n}}\n", c.name));
        }
        out
    }
}

const MODULE: &str = r#"-- m/main.tf --
variable "given" {}
variable "n" { type = number }
locals { both = { g = var.given, n = var.n } }
resource "terraform_data" "in" {
  count = var.n
  input = local.both
}
resource "terraform_data" "after" { input = length(terraform_data.in) }
output "got" { value = [terraform_data.after.output, terraform_data.in[*].id] }
"#;

/// A story of a few steps.
pub fn story(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        dice.roll(2);
    }
    let mut world = World::new(&mut dice);
    let mut out = format!("Seed {seed}.\n\n{MODULE}");
    for _ in 0..3 {
        out.push_str(&format!("-- main.tf --\n{}", world.text()));
        out.push_str(">> apply\n");
        world.edit(&mut dice);
    }
    out.push_str(dice.one(&[">> destroy\n", ">> plan -destroy\n"]));
    out
}
