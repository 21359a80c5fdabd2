//! A state's file is encrypted, or encrypted anew under another key: everything in it, past versions too, in one transaction.

use super::cells::Cells;
use super::error::StateError;
use super::history;
use super::past;
use super::rows::{self, Decoded, Meta};
use super::seal::Keys;
use super::writer::{Books, write_meta, write_object, write_part};
use rusqlite::{Transaction, params};
use std::collections::HashMap;
use std::path::Path;

/// Whether a file that was just read is to be encrypted with what is configured.
pub(super) fn is_due(decoded: &Decoded, given: &Keys) -> bool {
    given.current.is_some() && (decoded.meta.seal.is_none() || decoded.aged)
}

/// Encrypts all there is with the key that is configured; `before`: what it can be read with.
///
/// # Errors
/// Something in it cannot be read, or not be written: nothing of it is changed then.
pub(super) fn seal(
    path: &Path,
    tx: &Transaction<'_>,
    decoded: &Decoded,
    before: &Keys,
    given: &Keys,
) -> Result<Books, StateError> {
    let sqlite = |e: rusqlite::Error| StateError::sqlite(path, &e);
    // What was in the clear is not to be found in pages that are free now.
    tx.pragma_update_and_check(None, "secure_delete", true, |_| Ok(())).map_err(sqlite)?;
    let (old, new) = (Cells::new(path, before), Cells::new(path, given));
    let mut books =
        Books { meta: Meta { seal: Some(Meta::sealed_with(&new)), ..decoded.meta.clone() }, ..Books::default() };
    for (id, row, sum) in &decoded.rows {
        let object = decoded.state.objects.get(id).map(|object| &**object);
        write_object(tx, id, object, Some((*row, *sum)), &new, &mut books).map_err(sqlite)?;
    }
    let sums: HashMap<(&str, &str), u32> = decoded.parts.iter().map(|(k, key, sum)| ((&**k, &**key), *sum)).collect();
    for (key, body) in rows::all_parts(&decoded.state).iter().filter_map(rows::part) {
        let sum = sums.get(&(&*key.kind, &*key.key)).copied();
        write_part(tx, &key, body.as_deref(), sum, &new, &mut books).map_err(sqlite)?;
    }
    seal_history(tx, &old, &new).map_err(sqlite)?;
    past::seal(path, tx, before, given)?;
    write_meta(tx, &books.meta).map_err(sqlite)?;
    Ok(books)
}

/// Past runs and lines. What cannot be read informs nobody, and goes.
fn seal_history(tx: &Transaction<'_>, old: &Cells<'_>, new: &Cells<'_>) -> rusqlite::Result<()> {
    type Name = fn(u64) -> String;
    let tables: [(&str, &str, Name); 2] = [("journal", "line", history::line_cell), ("run", "body", history::run_cell)];
    for (table, column, name) in tables {
        let mut select = tx.prepare(&format!("SELECT number, {column} FROM {table}"))?;
        let kept = select.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let kept: Vec<(i64, String)> = kept.collect::<rusqlite::Result<_>>()?;
        let mut update = tx.prepare(&format!("UPDATE {table} SET {column} = ?2 WHERE number = ?1"))?;
        let mut delete = tx.prepare(&format!("DELETE FROM {table} WHERE number = ?1"))?;
        for (number, text) in kept {
            let cell = || name(number.unsigned_abs());
            match old.get(&text, cell) {
                Ok(text) => update.execute(params![number, new.put(&text, cell)])?,
                Err(_) => delete.execute([number])?,
            };
        }
    }
    Ok(())
}
