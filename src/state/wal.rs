//! Reading a SQLite database and its write-ahead log as bytes.
//!
//! SQLite itself cannot open a database with a log that nobody closed without writing: it makes an index file, and folds the log
//! in when it closes. A state must be readable from a read-only directory, and reading must leave no trace. So the reading
//! commands copy both files and lay the log over the database here. Format: <https://www.sqlite.org/fileformat2.html>.

use super::error::StateError;
use std::path::Path;

/// SQLite's first 16 bytes.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// `Strd`: marks the file as ours, in SQLite's field for it.
pub(super) const APPLICATION: u32 = 0x5374_7264;
/// The newest format of ours this program knows, in SQLite's field for it (`user_version`).
pub(super) const FORMAT: u32 = 1;
/// Bytes of a database's header.
pub(super) const HEADER: usize = 100;
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Bytes 18 and 19 tell readers and writers to expect a log; a copy in memory has none.
pub(super) const LOG_BYTES: std::ops::Range<usize> = 18..20;
/// What they say without one.
pub(super) const NO_LOG: u8 = 1;

/// Checks the first bytes of a database that nothing in a log can change. Gives its page size.
pub(super) fn page_size(path: &Path, head: &[u8]) -> Result<usize, StateError> {
    let foreign = |what: &str| StateError::Foreign { path: path.to_path_buf(), what: what.into() };
    let truncated = |found| StateError::Truncated { path: path.to_path_buf(), found, expected: HEADER as u64 };
    if head.is_empty() {
        return Err(truncated(0));
    }
    if !head.starts_with(&MAGIC[..head.len().min(MAGIC.len())]) {
        return Err(foreign("it is no SQLite database"));
    }
    if head.len() < HEADER {
        return Err(truncated(head.len() as u64));
    }
    let page = match usize::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => 65_536,
        size if size >= 512 && size.is_power_of_two() => size,
        _ => {
            let what = "its page size is none SQLite uses".into();
            return Err(StateError::Corrupt { path: path.to_path_buf(), what });
        }
    };
    if be32(head, 68) != APPLICATION {
        return Err(foreign("it is another program's SQLite database"));
    }
    Ok(page)
}

/// Checks that a database of this many bytes is one of ours, of a format we know, and all there.
pub(super) fn whole(path: &Path, head: &[u8], page: usize, found: u64) -> Result<(), StateError> {
    let corrupt = |what: &str| StateError::Corrupt { path: path.to_path_buf(), what: what.into() };
    let version = be32(head, 60);
    if version > FORMAT {
        return Err(StateError::Newer { path: path.to_path_buf(), found: version, known: FORMAT });
    }
    if version == 0 {
        return Err(corrupt("it has no format number"));
    }
    let expected = u64::from(be32(head, 28)).saturating_mul(page as u64);
    if found < expected {
        return Err(StateError::Truncated { path: path.to_path_buf(), found, expected });
    }
    if found > expected {
        return Err(corrupt("it is longer than it says"));
    }
    Ok(())
}

/// Lays a log over a database: the database as of the last transaction in the log, fit to be opened in memory. True: there was
/// something in the log, so nobody has closed the database.
pub(super) fn image(path: &Path, mut db: Vec<u8>, wal: &[u8]) -> Result<(Vec<u8>, bool), StateError> {
    let page = page_size(path, &db)?;
    let hot = lay_over(path, &mut db, wal, page)?;
    whole(path, &db, page, db.len() as u64)?;
    db[LOG_BYTES].fill(NO_LOG);
    Ok((db, hot))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// What a log's header says.
struct Log {
    big_endian: bool,
    salts: [u8; 8],
    sum: (u32, u32),
}

fn log_header(wal: &[u8], page: usize) -> Option<Log> {
    let head = wal.get(..WAL_HEADER)?;
    let big_endian = match be32(head, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return None,
    };
    let sum = checksum(big_endian, (0, 0), &head[..24]);
    let ok = sum == (be32(head, 24), be32(head, 28)) && be32(head, 4) == 3_007_000 && be32(head, 8) as usize == page;
    let salts = head[16..24].try_into().ok()?;
    ok.then_some(Log { big_endian, salts, sum })
}

/// Applies all whole transactions of the log. True if there was any.
fn lay_over(path: &Path, db: &mut Vec<u8>, wal: &[u8], page: usize) -> Result<bool, StateError> {
    let damaged = |what: &str| StateError::Corrupt { path: wal_path(path), what: what.into() };
    if wal.is_empty() {
        return Ok(false);
    }
    let frames: Vec<&[u8]> = match wal.get(WAL_HEADER..) {
        Some(rest) => rest.chunks_exact(FRAME_HEADER + page).collect(),
        None => return Ok(false),
    };
    let Some(log) = log_header(wal, page) else {
        // A log is begun before anything in it counts: one that does not even begin holds nothing, unless it holds something.
        return match frames.first() {
            Some(first) if commits_after(&frames, big_endian(wal), &first[8..16]) >= 2 => {
                Err(damaged("its beginning is damaged"))
            }
            _ => Ok(false),
        };
    };
    let mut sum = log.sum;
    let mut whole = 0;
    for (i, frame) in frames.iter().enumerate() {
        match next_sum(frame, &log.salts, log.big_endian, sum) {
            Some(next) => sum = next,
            // The last transaction may be torn: it was never promised. Once another follows it was, and it cannot be.
            None => {
                let own_end = usize::from(be32(frame, 4) == 0);
                if commits_after(&frames[i..], log.big_endian, &log.salts) > own_end {
                    return Err(damaged("a page in the middle of it is damaged"));
                }
                break;
            }
        }
        if be32(frame, 4) != 0 {
            whole = i + 1;
        }
    }
    let Some(last) = frames[..whole].last() else { return Ok(false) };
    // SQLite numbers pages from 1 and never has more than 2^32 - 2; a checked frame is one SQLite wrote.
    let pages = be32(last, 4) as usize;
    let most = frames.len() + db.len() / page + 1;
    if pages > most {
        return Err(damaged("it speaks of more pages than there are"));
    }
    db.resize(pages * page, 0);
    for frame in &frames[..whole] {
        let number = be32(frame, 0) as usize;
        if number >= 1 && number <= pages {
            db[(number - 1) * page..number * page].copy_from_slice(&frame[FRAME_HEADER..]);
        }
    }
    Ok(true)
}

fn big_endian(wal: &[u8]) -> bool {
    be32(wal, 0) & 1 == 1
}

pub(super) fn wal_path(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The running sum after a frame, if the frame follows on that sum.
fn next_sum(frame: &[u8], salts: &[u8], big_endian: bool, sum: (u32, u32)) -> Option<(u32, u32)> {
    if frame[8..16] != *salts || be32(frame, 0) == 0 {
        return None;
    }
    let sum = checksum(big_endian, sum, &frame[..8]);
    let sum = checksum(big_endian, sum, &frame[FRAME_HEADER..]);
    (sum == stored_sum(frame)).then_some(sum)
}

fn stored_sum(frame: &[u8]) -> (u32, u32) {
    (be32(frame, 16), be32(frame, 20))
}

/// How many transactions end in frames that follow on each other, from wherever the chain holds again after `frames[0]`.
fn commits_after(frames: &[&[u8]], big_endian: bool, salts: &[u8]) -> usize {
    frames
        .windows(2)
        .filter(|pair| be32(pair[1], 4) != 0 && next_sum(pair[1], salts, big_endian, stored_sum(pair[0])).is_some())
        .take(2)
        .count()
}

/// SQLite's running checksum over 8-byte groups.
fn checksum(big_endian: bool, (mut a, mut b): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for group in bytes.chunks_exact(8) {
        let (x, y) = group.split_at(4);
        let word = |w: &[u8]| {
            let w = [w[0], w[1], w[2], w[3]];
            if big_endian { u32::from_be_bytes(w) } else { u32::from_le_bytes(w) }
        };
        a = a.wrapping_add(word(x)).wrapping_add(b);
        b = b.wrapping_add(word(y)).wrapping_add(a);
    }
    (a, b)
}
