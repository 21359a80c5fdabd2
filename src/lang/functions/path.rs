//! Functions on paths and files.

use super::crypto::{md5, sha1, sha256, sha512};
use super::glob::glob;
use super::words::quoted;
use super::{Call, EntryKind, Function, FunctionError, Param, Returns, Shape, Special};
use crate::lang::address::{is_ident_part, is_ident_start};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;
use std::io;
use std::path::{Path, PathBuf};
use straddle_sdk::value::{Type, Value};

const PATH: &[Param] = &[Param::new("path", Shape::String)];
const STRING: Returns = Returns::Always(Shape::String);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("abspath", PATH, STRING, abs_path),
    Function::new("basename", PATH, STRING, |call| Ok(Value::string(base_name(call.text(0)?)))),
    Function::new("dirname", PATH, STRING, |call| Ok(Value::string(dir_name(call.text(0)?)))),
    Function::new("file", PATH, STRING, |call| text_of(call).map(Value::string)),
    Function::new("filebase64", PATH, STRING, |call| Ok(Value::string(STANDARD.encode(contents(call)?)))),
    Function::new("filebase64sha256", PATH, STRING, |call| {
        digest(call, |bytes| STANDARD.encode(sha2::Sha256::digest(bytes)))
    }),
    Function::new("filebase64sha512", PATH, STRING, |call| {
        digest(call, |bytes| STANDARD.encode(sha2::Sha512::digest(bytes)))
    }),
    Function::new("fileexists", PATH, Returns::Always(Shape::Bool), file_exists),
    Function::new("filemd5", PATH, STRING, |call| digest(call, md5)),
    Function::new(
        "fileset",
        &[Param::new("path", Shape::String), Param::new("pattern", Shape::String)],
        Returns::Always(Shape::Set(&Shape::String)),
        file_set,
    ),
    Function::new("filesha1", PATH, STRING, |call| digest(call, sha1)),
    Function::new("filesha256", PATH, STRING, |call| digest(call, sha256)),
    Function::new("filesha512", PATH, STRING, |call| digest(call, sha512)),
    Function::new("pathexpand", PATH, STRING, |call| Ok(Value::string(expand(call, call.text(0)?)?))),
    Function::new(
        "templatefile",
        &[Param::new("path", Shape::String), Param::new("vars", Shape::Any)],
        Returns::Always(Shape::Any),
        template_file,
    ),
    Function::new(
        "templatestring",
        &[Param::new("template", Shape::Any).nullable().dynamic(), Param::new("vars", Shape::Any)],
        STRING,
        template_string,
    )
    .special(Special::TemplateString),
];

/// Without empty parts, `.` and what `..` takes back; `.` for nothing.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

fn base_name(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path.is_empty(), trimmed.is_empty()) {
        (true, _) => ".",
        (_, true) => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

fn dir_name(path: &str) -> String {
    clean(path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or_default())
}

fn abs_path(call: &Call<'_>) -> Result<Value, FunctionError> {
    let path = call.text(0)?;
    let base = call.ctx.base_directory.to_string_lossy();
    Ok(Value::string(if path.starts_with('/') { clean(path) } else { clean(&format!("{base}/{path}")) }))
}

/// `~` and `~/...` with the home directory put in.
fn expand(call: &Call<'_>, path: &str) -> Result<String, FunctionError> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.to_owned()) };
    if !rest.is_empty() && !rest.starts_with(['/', '\\']) {
        return Err(FunctionError::new("cannot expand user-specific home dir"));
    }
    let home = call.ctx.files.home().ok_or_else(|| FunctionError::new("the home directory is not known"))?;
    Ok(clean(&format!("{}/{rest}", home.to_string_lossy())))
}

/// A file by its path: the path in messages, and the absolute one.
fn locate(call: &Call<'_>) -> Result<(String, PathBuf), FunctionError> {
    let path = expand(call, call.text(0)?).map_err(|e| e.inside("failed to expand ~: "))?;
    let shown = clean(&path);
    let absolute = call.ctx.base_directory.join(&shown);
    Ok((shown, absolute))
}

/// What went wrong with a file, in the words of the system.
fn reason(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::InvalidFilename => "file name too long".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => e.to_string(),
    }
}

const DISTRIBUTED: &str = "this function works only with files that are distributed as part of the configuration source code, so if \
                           this file will be created by a resource in this configuration you must instead obtain this result \
                           from an attribute of that resource";

fn contents(call: &Call<'_>) -> Result<Vec<u8>, FunctionError> {
    let (shown, path) = locate(call).map_err(|e| e.at(0))?;
    call.ctx.files.read(&path).map_err(|e| {
        let withheld = match e.kind() {
            io::ErrorKind::NotFound => format!("no file exists at (sensitive value); {DISTRIBUTED}"),
            _ => format!("failed to read file: {}", reason(&e)),
        };
        let message = match e.kind() {
            io::ErrorKind::NotFound => {
                format!("no file exists at {}; {DISTRIBUTED}", quoted(call.text(0).unwrap_or_default()))
            }
            io::ErrorKind::IsADirectory => format!("failed to read file: read {shown}: is a directory"),
            _ => format!("open {shown}: {}", reason(&e)),
        };
        FunctionError::quoting(message, withheld).at(0)
    })
}

fn text_of(call: &Call<'_>) -> Result<String, FunctionError> {
    String::from_utf8(contents(call)?).map_err(|_| {
        let message = |path: &str| {
            format!(
                "contents of {path} are not valid UTF-8; use the filebase64 function to obtain the Base64 encoded contents or the \
                 other file functions (e.g. filemd5, filesha256) to obtain file hashing results instead"
            )
        };
        FunctionError::quoting(message(&quoted(call.text(0).unwrap_or_default())), message("(sensitive value)"))
    })
}

fn digest(call: &Call<'_>, digest: fn(&[u8]) -> String) -> Result<Value, FunctionError> {
    let (shown, path) = locate(call)?;
    let bytes = call.ctx.files.read(&path).map_err(|e| {
        let why = reason(&e);
        let verb = if e.kind() == io::ErrorKind::IsADirectory { "read" } else { "open" };
        FunctionError::quoting(format!("{verb} {shown}: {why}"), format!("{verb} (sensitive value): {why}"))
    })?;
    Ok(Value::string(digest(&bytes)))
}

fn file_exists(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (shown, path) = locate(call)?;
    let told =
        |what: &str| FunctionError::quoting(format!("{} {what}", quoted(&shown)), format!("(sensitive value) {what}"));
    match call.ctx.files.kind(&path) {
        Ok(None) => Ok(Value::FALSE),
        Ok(Some(EntryKind::File)) => Ok(Value::TRUE),
        Ok(Some(EntryKind::Directory)) => Err(told("is a directory, not a file")),
        Ok(Some(EntryKind::Device)) => Err(told("is a device node, not a regular file")),
        Ok(Some(EntryKind::Pipe)) => Err(told("is a named pipe, not a regular file")),
        Ok(Some(EntryKind::Socket)) => Err(told("is a unix domain socket, not a regular file")),
        Ok(Some(EntryKind::Other)) => Err(told("is not a regular file")),
        Err(e) => Err(FunctionError::quoting(
            format!("failed to stat {}", quoted(&shown)),
            format!("failed to stat (sensitive value): {}", reason(&e)),
        )),
    }
}

fn file_set(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (directory, pattern) = (clean(call.text(0)?), clean(&format!("./{}", call.text(1)?)));
    let mut base = call.ctx.base_directory.join(&directory);
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| *part != ".").collect();
    // What leads out of the directory stays in the result.
    let out = parts.iter().take_while(|part| **part == "..").count();
    for _ in 0..out {
        base = Path::new(&clean(&base.join("..").to_string_lossy())).to_owned();
    }
    parts.drain(..out);
    let found = glob(call.ctx.files, &base, &parts).map_err(|e| {
        let whole = clean(&format!("{directory}/{pattern}"));
        FunctionError::quoting(
            format!("failed to glob pattern {}: {e}", quoted(&whole)),
            format!("failed to glob pattern (sensitive value): {e}"),
        )
    })?;
    let prefix = "../".repeat(out);
    let names = found.iter().map(|path| {
        let there = format!("{prefix}{}", path.to_string_lossy());
        Value::string(if out == 0 { there } else { relative(&directory, &clean(&format!("{directory}/{there}"))) })
    });
    Ok(Value::set(Type::String, names.collect()))
}

/// The way from one clean path to another.
fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| path.split('/').filter(|part| *part != ".").map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(from), parts(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| "..".to_owned());
    up.chain(to[common..].iter().cloned()).collect::<Vec<_>>().join("/")
}

/// Refuses variables that are no map, or that no template could name.
fn check_variables<'a>(call: &Call<'a>) -> Result<&'a Value, FunctionError> {
    let must_be_map = || FunctionError::new("invalid vars value: must be a map").at(1);
    let vars = call.args.get(1).ok_or_else(must_be_map)?;
    for (name, _) in vars.entries().ok_or_else(must_be_map)? {
        let mut chars = name.chars();
        if !chars.next().is_some_and(is_ident_start) || !chars.all(is_ident_part) {
            let message = format!(
                "invalid template variable name {}: must start with a letter, followed by zero or more letters, digits, and \
                 underscores",
                quoted(name)
            );
            return Err(FunctionError::quoting(message, "invalid template variable name").at(1));
        }
    }
    Ok(vars)
}

fn render(call: &Call<'_>, name: &str, text: &str) -> Result<Value, FunctionError> {
    let vars = check_variables(call)?;
    let render = call.ctx.templates.ok_or_else(|| FunctionError::new("templates cannot be rendered here"))?;
    let result = render(name, text, vars)?;
    if result.is_null() {
        return Err(FunctionError::new("the result of the template is null"));
    }
    Ok(result)
}

fn template_file(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = text_of(call).map_err(|e| e.at(0))?;
    render(call, call.text(0)?, &text)
}

fn template_string(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.args.first().and_then(Value::as_str);
    let text = text.ok_or_else(|| FunctionError::new("invalid template value: a string is required").at(0))?;
    let result = render(call, "<templatestring argument>", text)?;
    super::call::convert_to(&result, &Type::String).map_err(|e| e.inside("invalid template result: "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, fails, is, s, secret, strings};
    use super::super::{Files, FunctionContext, call, lookup};
    use super::*;
    use std::collections::BTreeMap;

    /// Files that exist in a table only.
    struct Table(BTreeMap<&'static str, &'static [u8]>);

    impl Table {
        fn new(files: &[(&'static str, &'static [u8])]) -> Table {
            Table(files.iter().copied().collect())
        }
    }

    impl Files for Table {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            match self.kind(path)? {
                Some(EntryKind::File) => Ok(self.0[path.to_str().expect("a path")].to_vec()),
                Some(_) => Err(io::ErrorKind::IsADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
            let path = clean(path.to_str().expect("a path"));
            let inside = if path == "/" { path.clone() } else { format!("{path}/") };
            Ok(if self.0.contains_key(path.as_str()) {
                Some(EntryKind::File)
            } else {
                self.0.keys().any(|other| other.starts_with(&inside)).then_some(EntryKind::Directory)
            })
        }

        fn list(&self, directory: &Path) -> io::Result<Vec<(String, EntryKind)>> {
            let inside = format!("{}/", clean(directory.to_str().expect("a path")));
            let mut names: BTreeMap<String, EntryKind> = BTreeMap::new();
            for path in self.0.keys().filter_map(|path| path.strip_prefix(&inside)) {
                let (name, kind) =
                    path.split_once('/').map_or((path, EntryKind::File), |(name, _)| (name, EntryKind::Directory));
                names.insert(name.to_owned(), kind);
            }
            Ok(names.into_iter().collect())
        }

        fn home(&self) -> Option<PathBuf> {
            Some("/home/me".into())
        }
    }

    fn table() -> Table {
        Table::new(&[
            ("/module/main.tf", b""),
            ("/module/hello.txt", b"hi"),
            ("/module/fs/.hidden", b""),
            ("/module/fs/a/.h.txt", b""),
            ("/module/fs/a/b/z.txt", b""),
            ("/module/fs/a/x.txt", b""),
            ("/module/fs/br[1].txt", b""),
            ("/module/fs/c/é.txt", b""),
            ("/module/fs/sp ace.txt", b""),
            ("/module/fs/x.txt", b"\xff"),
            ("/module/fs/y.md", b""),
            ("/home/me/x", b"home"),
        ])
    }

    fn run(name: &str, args: &[Value]) -> Result<Value, FunctionError> {
        let table = table();
        call(lookup(name).expect("it exists"), args, &FunctionContext { files: &table, ..context() })
    }

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn paths() {
        for (name, path, want) in [
            ("abspath", "", "/module"),
            ("abspath", "/a//b/", "/a/b"),
            ("abspath", "../x", "/x"),
            ("dirname", "", "."),
            ("dirname", "/", "/"),
            ("dirname", "a/b/", "a/b"),
            ("dirname", "/a/", "/a"),
            ("dirname", "a", "."),
            ("dirname", "a//b/../c", "a"),
            ("dirname", "//a", "/"),
            ("basename", "", "."),
            ("basename", "/", "/"),
            ("basename", "a//", "a"),
            ("basename", "a/b/..", ".."),
            ("pathexpand", "/x", "/x"),
            ("pathexpand", "a/~", "a/~"),
        ] {
            is(name, &[s(path)], s(want));
        }
        for (path, want) in [("~", "/home/me"), ("~//x", "/home/me/x"), ("", "")] {
            assert_eq!(run("pathexpand", &[s(path)]).expect("it works").as_str(), Some(want), "{path}");
        }
        fails("pathexpand", &[s("~x")], "cannot expand user-specific home dir");
    }

    #[test]
    fn reads() {
        for (name, path, want) in [
            ("file", "hello.txt", "hi"),
            ("file", "./fs/../hello.txt", "hi"),
            ("file", "~/x", "home"),
            ("filebase64", "fs/x.txt", "/w=="),
            ("filemd5", "hello.txt", "49f68a5c8493ec2c0bf489821c21fc3b"),
            ("filebase64sha256", "hello.txt", "j0NDRmSPa5bfiaddMcvTSWGlBLCjNMbf/Go5LlKSO5Y="),
        ] {
            let got = run(name, &[s(path)]).map(|v| v.as_str().map(str::to_owned));
            if name == "filebase64sha256" {
                assert_eq!(got.expect("it works").expect("a string").len(), want.len());
            } else {
                assert_eq!(got, Ok(Some(want.to_owned())), "{name}({path})");
            }
        }
        for (name, path, want) in [
            ("file", "nope", "no file exists at \"nope\"; this function works only with"),
            ("file", "fs", "failed to read file: read fs: is a directory"),
            ("file", "fs/x.txt", "contents of \"fs/x.txt\" are not valid UTF-8; use the filebase64 function"),
            ("filemd5", "nope", "open nope: no such file or directory"),
            ("fileexists", "fs", "\"fs\" is a directory, not a file"),
        ] {
            let message = run(name, &[s(path)]).expect_err("it fails").message;
            assert!(message.starts_with(want), "{name}({path}): {message}");
            let message = run(name, &[secret(s(path))]).expect_err("it fails").message;
            assert!(!message.contains(path), "{name}({path}): {message}");
        }
        assert_eq!(run("fileexists", &[s("nope")]).expect("it works").as_bool(), Some(false));
        assert_eq!(run("fileexists", &[s("hello.txt")]).expect("it works").as_bool(), Some(true));
    }

    #[test]
    fn finds_sets_of_files() {
        let all =
            [".hidden", "a/.h.txt", "a/b/z.txt", "a/x.txt", "br[1].txt", "c/é.txt", "sp ace.txt", "x.txt", "y.md"];
        for (directory, pattern, want) in [
            (".", "fs/*.md", &["fs/y.md"][..]),
            ("fs", "**", &all),
            ("fs", "**/", &all),
            ("fs", "**/*.txt", &["a/.h.txt", "a/b/z.txt", "a/x.txt", "br[1].txt", "c/é.txt", "sp ace.txt", "x.txt"]),
            ("fs", ".*", &[".hidden"]),
            ("fs", "../*.txt", &["../hello.txt"]),
            ("fs", "./*.txt", &["br[1].txt", "sp ace.txt", "x.txt"]),
            ("fs", "[!x]*.txt", &["x.txt"]),
            ("fs", "[^x]*.txt", &["br[1].txt", "sp ace.txt"]),
            ("fs", "{a,c}/**/*.txt", &["a/.h.txt", "a/b/z.txt", "a/x.txt", "c/é.txt"]),
            ("fs", "{x,y}.*", &["x.txt", "y.md"]),
            ("fs", "?.txt", &["x.txt"]),
            ("fs", "br\\[1\\].txt", &["br[1].txt"]),
            ("fs", "**/b/**", &["a/b/z.txt"]),
            ("fs", "**.txt", &["br[1].txt", "sp ace.txt", "x.txt"]),
            ("fs", "a**", &[]),
            ("fs", "a/../x.txt", &["x.txt"]),
            ("fs", "/x.txt", &["x.txt"]),
            ("fs", "[z-a].txt", &[]),
            ("fs", "", &[]),
            ("fs", "x.txt", &["x.txt"]),
            ("fs/x.txt", "*", &[]),
            ("fs/nope", "*", &[]),
            ("nope/..", "*", &["hello.txt", "main.tf"]),
        ] {
            let got = run("fileset", &[s(directory), s(pattern)]).expect("it works");
            let names: Vec<&str> = got.items().expect("a set").iter().filter_map(Value::as_str).collect();
            assert_eq!(names, want, "{directory} {pattern}");
        }
        for pattern in ["[", "{a", "{a/b,c}/*", "[]x].txt", "[x-].txt", "[]"] {
            let message = run("fileset", &[s("fs"), s(pattern)]).expect_err("it fails").message;
            let want = format!("failed to glob pattern {}: syntax error in pattern", quoted(&format!("fs/{pattern}")));
            assert_eq!(message, want);
        }
    }

    #[test]
    fn templates_go_to_the_renderer() {
        let render = |name: &str, text: &str, vars: &Value| Ok(strings(&[name, text]).with_marks(vars.marks()));
        let table = table();
        let ctx = FunctionContext { files: &table, templates: Some(&render), ..context() };
        let with = |name: &str, args: &[Value]| call(lookup(name).expect("it exists"), args, &ctx);
        let vars = Value::object(vec![("a-b".into(), s("x"))]);
        let got = with("templatefile", &[s("hello.txt"), vars.clone()]).expect("it works");
        assert_eq!(format!("{got:?}"), format!("{:?}", strings(&["hello.txt", "hi"])));
        let got = with("templatefile", &[s("hello.txt"), secret(vars.clone())]).expect("it works");
        assert!(got.marks().is_sensitive());
        for (name, args, want) in [
            ("templatefile", [s("hello.txt"), s("x")], "invalid vars value: must be a map"),
            (
                "templatestring",
                [Value::null(Type::String), vars.clone()],
                "invalid template value: a string is required",
            ),
            ("templatestring", [s("x"), vars], "invalid template result: string required"),
        ] {
            assert_eq!(with(name, &args).expect_err("it fails").message, want);
        }
        let named = Value::object(vec![("1a".into(), s("x"))]);
        let message = with("templatefile", &[s("hello.txt"), named]).expect_err("it fails").message;
        assert!(message.starts_with("invalid template variable name \"1a\": must start with a letter"), "{message}");
    }
}
