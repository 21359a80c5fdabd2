//! Texts of several lines, and JSON in a text.

use super::super::style::{Ink, clean};
use super::super::words::count;
use super::{Diff, Names, Sign, union};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use straddle_sdk::value::codec::json::decode_plain;
use straddle_sdk::value::{Kind, Path, Value, same};

/// Texts with more lines than this on both sides together are not compared line by line.
const LONGEST: usize = 20_000;
/// Lines around a change that stay in sight.
const CONTEXT: usize = 3;

impl Diff<'_> {
    /// A text of several lines, each behind the sign.
    pub(super) fn heredoc(&mut self, text: &str, sign: Sign, indent: usize) {
        self.out.push_str("<<-EOT\n");
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.line(sign, line, indent);
        }
        self.blanks(indent + 2);
        self.out.push_str("EOT");
    }

    fn line(&mut self, sign: Sign, line: &str, indent: usize) {
        self.sign(sign, indent + 4);
        self.out.push_str(&clean(line));
        while self.out.ends_with(' ') && line.is_empty() {
            self.out.pop();
        }
        self.out.push('\n');
    }

    /// Compares inside the texts where that says more than both in full; `false` when it does not.
    pub(super) fn long_text(&mut self, before: &str, after: &str, path: &Path, indent: usize) -> bool {
        if let (Some(b), Some(a)) = (json(before), json(after)) {
            self.json_text(&b, &a, path, indent);
            return true;
        }
        if !before.contains('\n') && !after.contains('\n') {
            return false;
        }
        self.lines(before, after, path, indent);
        true
    }

    fn json_text(&mut self, before: &Value, after: &Value, path: &Path, indent: usize) {
        if same(before, after) {
            self.out.push_str("jsonencode(...) # only blanks change");
            return self.forces(path);
        }
        self.out.push_str("jsonencode(");
        match (before.kind(), after.kind()) {
            (Kind::Object(b), Kind::Object(a)) => {
                let entries = union(b, a);
                self.braces(path, indent, |diff| diff.entries(&entries, &Path::ROOT, indent + 4, Names::Keys));
            }
            _ => self.change(before, after, path, indent),
        }
        self.out.push(')');
    }

    fn lines(&mut self, before: &str, after: &str, path: &Path, indent: usize) {
        let (old, new): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
        if old.len() + new.len() > LONGEST {
            self.out.push_str(&format!(
                "(a text of {} -> a text of {})",
                count(old.len(), "line"),
                count(new.len(), "line")
            ));
            return self.forces(path);
        }
        self.out.push_str("<<-EOT");
        self.forces(path);
        self.out.push('\n');
        let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
        let last = ops.len().saturating_sub(1);
        for (i, op) in ops.iter().enumerate() {
            match *op {
                DiffOp::Equal { old_index, len, .. } => {
                    self.context(&old[old_index..old_index + len], i == 0, i == last, indent);
                }
                DiffOp::Delete { old_index, old_len, .. } => {
                    old[old_index..old_index + old_len].iter().for_each(|l| self.line(Sign::Remove, l, indent));
                }
                DiffOp::Insert { new_index, new_len, .. } => {
                    new[new_index..new_index + new_len].iter().for_each(|l| self.line(Sign::Add, l, indent));
                }
                DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                    old[old_index..old_index + old_len].iter().for_each(|l| self.line(Sign::Remove, l, indent));
                    new[new_index..new_index + new_len].iter().for_each(|l| self.line(Sign::Add, l, indent));
                }
            }
        }
        self.blanks(indent + 2);
        self.out.push_str("EOT");
    }

    /// Unchanged lines: those next to a change, and how many are between.
    fn context(&mut self, lines: &[&str], first: bool, last: bool, indent: usize) {
        let head = if first { 0 } else { CONTEXT };
        let tail = if last { 0 } else { CONTEXT };
        if self.style.verbose || lines.len() <= head + tail + 1 {
            // The empty piece behind the last line feed is no line.
            let all = if last && lines.last() == Some(&"") { &lines[..lines.len() - 1] } else { lines };
            return all.iter().for_each(|l| self.line(Sign::Same, l, indent));
        }
        lines[..head].iter().for_each(|l| self.line(Sign::Same, l, indent));
        self.blanks(indent + 6);
        let hidden = self
            .style
            .ink(Ink::Faint, &format!("# ({} not shown: unchanged)", count(lines.len() - head - tail, "line")));
        self.out.push_str(&hidden);
        self.out.push('\n');
        lines[lines.len() - tail..].iter().for_each(|l| self.line(Sign::Same, l, indent));
    }
}

/// The object or array a text holds as JSON.
fn json(text: &str) -> Option<Value> {
    let start = text.trim_start();
    if !start.starts_with('{') && !start.starts_with('[') {
        return None;
    }
    decode_plain(text.as_bytes()).ok()
}
