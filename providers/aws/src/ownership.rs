//! Whose an object is, in tags: `straddle:owner`, and either `straddle:token` and `straddle:address`, or for instances started
//! together `straddle:tokens` and `straddle:addresses`, where the n-th belongs to the instance with launch index n.

use std::collections::BTreeMap;
use straddle_sdk::provider::Ownership;

/// What straddle's tags begin with.
pub const PREFIX: &str = "straddle:";
/// The state an object belongs to.
pub const OWNER: &str = "straddle:owner";
/// The attempt that made it.
pub const TOKEN: &str = "straddle:token";
/// Its address in the state.
pub const ADDRESS: &str = "straddle:address";
/// The attempts that made the instances started together.
pub const TOKENS: &str = "straddle:tokens";
/// Their addresses.
pub const ADDRESSES: &str = "straddle:addresses";
/// The longest value of a tag.
const LONGEST: usize = 256;

/// The tags of one object.
pub fn tags_of(ownership: &Ownership) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::from([(OWNER.to_owned(), ownership.owner.clone())]);
    tags.insert(TOKEN.to_owned(), ownership.token.clone());
    tags.insert(ADDRESS.to_owned(), plain(&ownership.address));
    tags.retain(|_, value| !value.is_empty());
    tags
}

/// Who the tags say it is, where they say so for a single object.
pub fn of_tags(tags: &BTreeMap<String, String>) -> Option<Ownership> {
    let owner = tags.get(OWNER)?.clone();
    let text = |key: &str| tags.get(key).cloned().unwrap_or_default();
    Some(Ownership { owner, token: text(TOKEN), address: from_plain(&text(ADDRESS)) })
}

/// Who the tags say the instance with this launch index is.
pub fn of_instance(tags: &BTreeMap<String, String>, index: usize) -> Option<Ownership> {
    let Some(tokens) = tags.get(TOKENS) else { return of_tags(tags) };
    let owner = tags.get(OWNER)?.clone();
    let nth = |text: &str| unpack(text).and_then(|all| all.into_iter().nth(index)).unwrap_or_default();
    let address = tags.get(ADDRESSES).map(|text| from_plain(&nth(text))).unwrap_or_default();
    Some(Ownership { owner, token: nth(tokens), address })
}

/// The tags of objects made together, in this order; `None` when they do not fit into tags.
pub fn tags_of_batch(batch: &[&Ownership]) -> Option<BTreeMap<String, String>> {
    let first = batch.first()?;
    if batch.iter().any(|o| o.owner != first.owner) {
        return None;
    }
    if let [one] = batch {
        let tags = tags_of(one);
        return tags.values().all(|v| v.chars().count() <= LONGEST).then_some(tags);
    }
    let tokens = pack(&batch.iter().map(|o| o.token.clone()).collect::<Vec<_>>())?;
    let addresses = pack(&batch.iter().map(|o| plain(&o.address)).collect::<Vec<_>>())?;
    let fits = |text: &str| text.chars().count() <= LONGEST;
    (fits(&tokens) && fits(&addresses)).then(|| {
        BTreeMap::from([
            (OWNER.to_owned(), first.owner.clone()),
            (TOKENS.to_owned(), tokens),
            (ADDRESSES.to_owned(), addresses),
        ])
    })
}

/// An address in the letters every service takes in a tag: others as `=` and two hexadecimal digits for each byte.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || " _.:/+-@".contains(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("={byte:02X}"));
            }
        }
    }
    out
}

/// The text that `plain` wrote.
pub fn from_plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Texts that differ in one place only, as one text: `web.{3-7,9}.end`. `None` when they hold the signs used for that.
pub fn pack(texts: &[String]) -> Option<String> {
    if texts.iter().any(|t| t.contains(['{', '}', ','])) {
        return None;
    }
    let first = texts.first()?;
    // Where a number would be cut, all of it belongs to what differs.
    let digit = |c: char| c.is_ascii_digit();
    let prefix = texts.iter().fold(first.as_str(), |p, t| common_prefix(p, t)).trim_end_matches(digit);
    let rest: Vec<&str> = texts.iter().map(|t| &t[prefix.len()..]).collect();
    let head = *rest.first()?;
    let suffix = rest.iter().fold(head, |s, t| common_suffix(s, t)).trim_start_matches(digit);
    let middles: Vec<&str> = rest.iter().map(|t| &t[..t.len() - suffix.len()]).collect();
    let mut runs: Vec<String> = Vec::new();
    let mut open: Option<(u64, u64)> = None;
    let close = |open: &mut Option<(u64, u64)>, runs: &mut Vec<String>| {
        if let Some((a, b)) = open.take() {
            runs.push(if a == b { a.to_string() } else { format!("{a}-{b}") });
        }
    };
    for middle in middles {
        let n = middle.parse::<u64>().ok().filter(|n| n.to_string() == middle);
        match (n, &mut open) {
            (Some(n), Some((_, b))) if b.checked_add(1) == Some(n) => *b = n,
            (Some(n), _) => {
                close(&mut open, &mut runs);
                open = Some((n, n));
            }
            (None, _) if middle.contains('-') || middle.parse::<u64>().is_ok() => return None,
            (None, _) => {
                close(&mut open, &mut runs);
                runs.push(middle.to_owned());
            }
        }
    }
    close(&mut open, &mut runs);
    Some(format!("{prefix}{{{}}}{suffix}", runs.join(",")))
}

/// The texts that `pack` wrote; at most some thousands, whatever the text says.
pub fn unpack(text: &str) -> Option<Vec<String>> {
    const MOST: usize = 4096;
    let (prefix, rest) = text.split_once('{')?;
    let (runs, suffix) = rest.split_once('}')?;
    let mut texts = Vec::new();
    for run in runs.split(',') {
        let bounds = run.split_once('-').and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
        match bounds {
            Some((a, b)) => {
                let room = MOST.saturating_sub(texts.len());
                texts.extend((a..=b).take(room).map(|n| format!("{prefix}{n}{suffix}")));
            }
            None => texts.push(format!("{prefix}{run}{suffix}")),
        }
    }
    Some(texts)
}

fn common_prefix<'t>(a: &'t str, b: &str) -> &'t str {
    let end = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y).map(|((at, _), _)| at);
    &a[..end.unwrap_or_else(|| a.len().min(b.len()))]
}

fn common_suffix<'t>(a: &'t str, b: &str) -> &'t str {
    let same =
        a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).map(|(c, _)| c.len_utf8()).sum::<usize>();
    &a[a.len() - same..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(token: &str, address: &str) -> Ownership {
        Ownership { owner: "l".into(), token: token.into(), address: address.into() }
    }

    #[test]
    fn packed_texts_come_back_in_their_order() {
        let table: &[&[&str]] = &[
            &["l.1", "l.2", "l.3"],
            &["l.9", "l.10", "l.11", "l.7"],
            &["a", "b"],
            &["x.1", "x.10", "x.100"],
            &["same", "same"],
            &["w[a/0]", "w[a/1]"],
            &["11", "1"],
            &["웹-1", "웹-2"],
        ];
        for texts in table {
            let texts: Vec<String> = texts.iter().map(|t| (*t).to_owned()).collect();
            if let Some(packed) = pack(&texts) {
                assert_eq!(unpack(&packed), Some(texts), "{packed}");
            }
        }
        let thousand: Vec<String> = (1..=1000).map(|n| format!("lineage.{n}")).collect();
        assert_eq!(pack(&thousand).as_deref(), Some("lineage.{1-1000}"));
        assert_eq!(pack(&["a{".into(), "b".into()]), None);
        assert_eq!(pack(&["x.01".into(), "x.02".into()]), None, "a number is written in one way only");
    }

    #[test]
    fn an_instance_is_known_by_its_launch_index() {
        let (a, b) = (own("l.7", "w.s[\"a/0\"]"), own("l.8", "w.s[\"a/3\"]"));
        let tags = tags_of_batch(&[&a, &b]).expect("fits");
        assert!(tags.values().all(|v| v.len() <= LONGEST));
        assert_eq!(of_instance(&tags, 0), Some(a));
        assert_eq!(of_instance(&tags, 1), Some(b));
        let single = own("l.9", "aws_vpc.main");
        assert_eq!(of_instance(&tags_of(&single), 0), Some(single));
    }

    #[test]
    fn any_address_survives_a_tag() {
        for address in ["workload.web.aws_instance.server[\"aws-a/0\"]", "a=b", "서울[\"가\"]", "", "=ZZ"] {
            assert_eq!(from_plain(&plain(address)), address);
        }
    }

    #[test]
    fn a_hostile_tag_costs_little() {
        assert!(unpack("a{1-18446744073709551615}").is_some_and(|all| all.len() <= 4096));
    }
}
