//! Where a module is to be had, told by its source address.

/// The kinds of source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceKind {
    /// A directory: `./x`, `../x`.
    Local,
    /// A registry: `namespace/name/system`, perhaps with a host before it.
    Registry,
    /// A repository, an archive, a bucket, an absolute path.
    Remote,
}

impl SourceKind {
    /// The kind of an address; `None` if it is of no kind that is known.
    pub fn of(source: &str) -> Option<SourceKind> {
        if ["./", "../", ".\\", "..\\"].iter().any(|prefix| source.starts_with(prefix)) {
            return Some(SourceKind::Local);
        }
        if is_registry(source) {
            return Some(SourceKind::Registry);
        }
        is_remote(source).then_some(SourceKind::Remote)
    }
}

/// The package of an address, without the directory inside it that `//` leads to.
fn package(source: &str) -> &str {
    let path = source.split('?').next().unwrap_or(source);
    let after_scheme = path.find("://").map_or(0, |at| at + 3);
    match path[after_scheme..].find("//") {
        Some(at) => &source[..after_scheme + at],
        None => source,
    }
}

fn is_registry(source: &str) -> bool {
    let parts: Vec<&str> = package(source).split('/').collect();
    let (host, parts) = match parts.as_slice() {
        [host, rest @ ..] if rest.len() == 3 => (Some(*host), rest),
        rest => (None, rest),
    };
    let [namespace, name, system] = parts else { return false };
    let word = |text: &str, inside: fn(char) -> bool| {
        (1..=64).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || inside(c))
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let label =
        |label: &str| !label.is_empty() && !label.contains("--") && !label.starts_with('-') && !label.ends_with('-');
    let host = host.is_none_or(|host| {
        host.contains('.') && host.split('.').all(label) && !matches!(host, "github.com" | "bitbucket.org")
    });
    let dashes = |c: char| matches!(c, '-' | '_');
    host && word(namespace, dashes) && word(name, dashes) && word(system, |_| false)
}

fn is_remote(source: &str) -> bool {
    let forced = source.split_once("::").filter(|(how, _)| how.chars().all(|c| c.is_ascii_alphanumeric()));
    let rest = package(forced.map_or(source, |(_, rest)| rest));
    let scheme = rest.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let hosted =
        |host: &str| rest.strip_prefix(host).is_some_and(|path| path.split('/').filter(|p| !p.is_empty()).count() >= 2);
    let ssh = rest.split_once('@').is_some_and(|(user, path)| !user.is_empty() && path.contains(':'));
    let bucket = rest.contains(".amazonaws.com/") || rest.contains("googleapis.com/");
    scheme || hosted("github.com/") || hosted("bitbucket.org/") || ssh || bucket || rest.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (source, kind) in [
            ("./m", Some(SourceKind::Local)),
            ("../m", Some(SourceKind::Local)),
            ("hashicorp/consul/aws", Some(SourceKind::Registry)),
            ("example.com/hashicorp/consul/aws//modules/x", Some(SourceKind::Registry)),
            ("github.com/hashicorp/example", Some(SourceKind::Remote)),
            ("git::https://example.com/vpc.git?ref=v1", Some(SourceKind::Remote)),
            ("git@github.com:hashicorp/example.git", Some(SourceKind::Remote)),
            ("https://example.com/vpc.zip", Some(SourceKind::Remote)),
            ("s3::https://s3-eu-west-1.amazonaws.com/b/vpc.zip", Some(SourceKind::Remote)),
            ("/abs/path", Some(SourceKind::Remote)),
            ("modules/x", None),
            ("m", None),
            ("", None),
        ] {
            assert_eq!(SourceKind::of(source), kind, "{source}");
        }
    }
}
