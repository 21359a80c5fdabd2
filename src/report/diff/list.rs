//! Lists and sets: which elements came, went, or changed where they stand.

use super::{Diff, Sign};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::HashMap;
use straddle_sdk::value::{Path, Step, Value, same};

/// Lists longer than this (both sides together) are compared by position: the search for the least difference is not linear.
const LONGEST: usize = 4_000;

impl Diff<'_> {
    pub(super) fn list(&mut self, before: &[Value], after: &[Value], path: &Path, indent: usize) {
        self.out.push('[');
        self.forces(path);
        self.out.push('\n');
        let mut hidden = 0;
        for op in operations(before, after) {
            match op {
                DiffOp::Equal { old_index, len, .. } if self.style.verbose => {
                    for item in &before[old_index..old_index + len] {
                        self.element(item, Sign::Same, indent + 4);
                    }
                }
                DiffOp::Equal { len, .. } => hidden += len,
                DiffOp::Delete { old_index, old_len, .. } => self.gone(&before[old_index..old_index + old_len], indent),
                DiffOp::Insert { new_index, new_len, .. } => self.added(&after[new_index..new_index + new_len], indent),
                DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                    let both = old_len.min(new_len);
                    for i in 0..both {
                        let (b, a) = (&before[old_index + i], &after[new_index + i]);
                        self.sign(Sign::Change, indent + 4);
                        self.change(b, a, &path.then(Step::Index((new_index + i) as u64)), indent + 4);
                        self.out.push_str(",\n");
                    }
                    self.gone(&before[old_index + both..old_index + old_len], indent);
                    self.added(&after[new_index + both..new_index + new_len], indent);
                }
            }
        }
        self.hidden(hidden, "element", indent + 4);
        self.blanks(indent + 2);
        self.out.push(']');
    }

    pub(super) fn set(&mut self, before: &[Value], after: &[Value], path: &Path, indent: usize) {
        self.out.push('[');
        self.forces(path);
        self.out.push('\n');
        let numbers = Numbers::of(before, after);
        let in_before: std::collections::HashSet<usize> = numbers.before.iter().copied().collect();
        let in_after: std::collections::HashSet<usize> = numbers.after.iter().copied().collect();
        let mut hidden = 0;
        for (item, number) in before.iter().zip(&numbers.before) {
            if in_after.contains(number) {
                hidden += 1;
            } else {
                self.element(item, Sign::Remove, indent + 4);
            }
        }
        for (item, number) in after.iter().zip(&numbers.after) {
            if !in_before.contains(number) {
                self.element(item, Sign::Add, indent + 4);
            }
        }
        self.hidden(hidden, "element", indent + 4);
        self.blanks(indent + 2);
        self.out.push(']');
    }

    fn gone(&mut self, items: &[Value], indent: usize) {
        items.iter().for_each(|item| self.element(item, Sign::Remove, indent + 4));
    }

    fn added(&mut self, items: &[Value], indent: usize) {
        items.iter().for_each(|item| self.element(item, Sign::Add, indent + 4));
    }
}

fn operations(before: &[Value], after: &[Value]) -> Vec<DiffOp> {
    if before.len() + after.len() <= LONGEST {
        let numbers = Numbers::of(before, after);
        return capture_diff_slices(Algorithm::Myers, &numbers.before, &numbers.after);
    }
    let both = before.len().min(after.len());
    let mut out = Vec::new();
    for i in 0..both {
        out.push(match same(&before[i], &after[i]) {
            true => DiffOp::Equal { old_index: i, new_index: i, len: 1 },
            false => DiffOp::Replace { old_index: i, old_len: 1, new_index: i, new_len: 1 },
        });
    }
    if before.len() > both {
        out.push(DiffOp::Delete { old_index: both, old_len: before.len() - both, new_index: both });
    }
    if after.len() > both {
        out.push(DiffOp::Insert { old_index: both, new_index: both, new_len: after.len() - both });
    }
    out
}

/// Elements as numbers: same elements have the same one.
struct Numbers {
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Numbers {
    /// Elements are told apart by their text, and by what they are where texts agree.
    fn of(before: &[Value], after: &[Value]) -> Numbers {
        let mut seen: HashMap<String, Vec<(usize, &Value)>> = HashMap::new();
        let mut next = 0;
        let mut number = |value| {
            let bucket = seen.entry(format!("{:?}", value)).or_default();
            if let Some((n, _)) = bucket.iter().find(|(_, other)| same(value, other)) {
                return *n;
            }
            bucket.push((next, value));
            next += 1;
            next - 1
        };
        Numbers { before: before.iter().map(&mut number).collect(), after: after.iter().map(&mut number).collect() }
    }
}
