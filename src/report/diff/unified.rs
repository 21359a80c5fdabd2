//! Two texts in the format of `diff -u`.

use similar::TextDiff;

/// What differs between two texts, with three lines around it. Empty when nothing does.
pub fn unified(before: &str, after: &str, old_name: &str, new_name: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(3).header(old_name, new_name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_patch_reads_it() {
        assert_eq!(unified("a=1\n", "a = 1\n", "old/x", "new/x"), "--- old/x\n+++ new/x\n@@ -1 +1 @@\n-a=1\n+a = 1\n");
        assert_eq!(
            unified("a=1", "a = 1", "o", "n"),
            "--- o\n+++ n\n@@ -1 +1 @@\n-a=1\n\\ No newline at end of file\n+a = 1\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("a\n", "a\n", "o", "n"), "");
    }
}
