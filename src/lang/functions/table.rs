//! All functions by name.

use super::{
    Function, assume, collections, convert, crypto, csv, encoding, format, json, maps, net, numbers, path, regex, rsa,
    sequence, sets, strings, time, yaml,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The functions of each family.
fn families() -> [&'static [Function]; 19] {
    [
        assume::FUNCTIONS,
        collections::FUNCTIONS,
        convert::FUNCTIONS,
        crypto::FUNCTIONS,
        csv::FUNCTIONS,
        encoding::FUNCTIONS,
        format::FUNCTIONS,
        json::FUNCTIONS,
        maps::FUNCTIONS,
        net::FUNCTIONS,
        numbers::FUNCTIONS,
        path::FUNCTIONS,
        regex::FUNCTIONS,
        rsa::FUNCTIONS,
        sequence::FUNCTIONS,
        sets::FUNCTIONS,
        strings::FUNCTIONS,
        time::FUNCTIONS,
        yaml::FUNCTIONS,
    ]
}

static BY_NAME: LazyLock<BTreeMap<&'static str, &'static Function>> =
    LazyLock::new(|| families().into_iter().flatten().map(|f| (f.name, f)).collect());

/// The function of this name; `core::` may stand before it.
pub fn lookup(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name.strip_prefix("core::").unwrap_or(name)).copied()
}

/// All functions, by name.
pub fn all() -> impl Iterator<Item = &'static Function> {
    BY_NAME.values().copied()
}

/// The names of all functions, sorted, without `core::`.
pub fn names() -> impl Iterator<Item = &'static str> {
    BY_NAME.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, secret};
    use super::super::{Special, call};
    use super::*;
    use std::collections::BTreeSet;
    use straddle_sdk::value::num::Num;
    use straddle_sdk::value::{Marks, Type, Value};

    /// The names `terraform metadata functions -json` of 1.11.4 lists.
    const TERRAFORM: &str = "abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 \
        basename bcrypt can ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact \
        concat contains csvdecode dirname distinct element endswith ephemeralasnull file filebase64 filebase64sha256 \
        filebase64sha512 fileexists filemd5 fileset filesha1 filesha256 filesha512 flatten floor format formatdate formatlist \
        indent index issensitive join jsondecode jsonencode keys length log lookup lower matchkeys max md5 merge min \
        nonsensitive one parseint pathexpand plantimestamp pow range regex regexall replace reverse rsadecrypt sensitive \
        setintersection setproduct setsubtract setunion sha1 sha256 sha512 signum slice sort split startswith strcontains \
        strrev substr sum templatefile templatestring textdecodebase64 textencodebase64 timeadd timecmp timestamp title \
        tobool tolist tomap tonumber toset tostring transpose trim trimprefix trimspace trimsuffix try upper urlencode uuid \
        uuidv5 values yamldecode yamlencode zipmap";

    /// What OpenTofu has beyond them.
    const OPENTOFU: &str = "assumeequal assumelistlength assumelistlengthmax assumelistlengthmin assumemaplength \
        assumemaplengthmax assumemaplengthmin assumenotnull assumesetlength assumesetlengthmax assumesetlengthmin \
        assumestringprefix base64gunzip cidrcontains convert urldecode";

    #[test]
    fn all_are_there_and_no_others() {
        // `list` and `map` are there to say what to write instead.
        let want: BTreeSet<&str> =
            TERRAFORM.split_whitespace().chain(OPENTOFU.split_whitespace()).chain(["list", "map"]).collect();
        assert_eq!(names().collect::<BTreeSet<_>>(), want);
        assert_eq!(families().iter().map(|family| family.len()).sum::<usize>(), want.len(), "a name occurs twice");
        assert_eq!(TERRAFORM.split_whitespace().count(), 118);
        assert_eq!(OPENTOFU.split_whitespace().count(), 16);
        assert!(lookup("core::upper").is_some() && lookup("core::core::upper").is_none());
    }

    /// Arguments of all kinds, none of which means anything to most functions.
    fn samples() -> Vec<Value> {
        let texts = [
            "s3cr3t/(",
            "s3cr3t",
            "{s3cr3t",
            "/s3cr3t(/",
            "%s3cr3t",
            "-1",
            "0",
            "~s3cr3t",
            "2017-s3cr3t",
            "1s3cr3t",
            "",
        ];
        let mut all: Vec<Value> = texts.iter().map(|text| Value::string(*text)).collect();
        let numbers = ["-1", "0", "1.5", "99999999999999999999", "1e9"];
        all.extend(numbers.iter().map(|n| Value::number(Num::parse(n).expect("a number"))));
        all.extend([Num::infinity(), Num::neg_infinity()].map(Value::number));
        all.push(Value::TRUE);
        all.extend([Type::Dynamic, Type::String, Type::list(Type::String)].map(Value::null));
        all.extend([Type::Dynamic, Type::String, Type::Number, Type::set(Type::String)].map(Value::unknown));
        let strings = || texts.iter().map(|text| Value::string(*text)).collect::<Vec<_>>();
        all.extend([
            Value::list(Type::String, strings()),
            Value::set(Type::String, strings()),
            Value::tuple(strings()),
        ]);
        all.extend([Value::tuple(vec![]), Value::object(vec![]), Value::list(Type::Dynamic, vec![])]);
        let half = Value::tuple(vec![Value::unknown(Type::Dynamic), Value::null(Type::Dynamic), Value::TRUE]);
        all.push(Value::object(vec![("s3cr3t key".into(), Value::string("s3cr3t")), ("a".into(), half.clone())]));
        all.push(Value::map(Type::String, vec![("s3cr3t".into(), Value::string("s3cr3t"))]));
        all.push(half);
        all
    }

    /// Every function with every combination of up to two different samples.
    fn each_call(mut with: impl FnMut(&'static Function, &[Value])) {
        let samples = samples();
        for function in all().filter(|f| f.special == Special::No) {
            let least = function.params.len();
            let counts = if function.variadic.is_some() { least..=least.max(1) + 1 } else { least..=least };
            for count in counts {
                for first in &samples {
                    for other in &samples {
                        let mut args = vec![other.clone(); count];
                        if let Some(arg) = args.first_mut() {
                            *arg = first.clone();
                        }
                        with(function, &args);
                    }
                }
            }
        }
    }

    /// INV-10: whatever is given, there is an answer; and an unknown result has the promised type.
    #[test]
    fn nothing_panics() {
        each_call(|function, args| drop(call(function, args, &context())));
    }

    /// INV-8: what is sensitive is in no error, and what comes of it is sensitive.
    #[test]
    fn secrets_stay_secret() {
        const OPEN: [&str; 5] = ["nonsensitive", "issensitive", "keys", "length", "assumeequal"];
        let mut leaks: BTreeMap<&str, String> = BTreeMap::new();
        each_call(|function, args| {
            let marked: Vec<Value> = args.iter().map(|arg| secret(arg.clone())).collect();
            let leak = match call(function, &marked, &context()) {
                Err(e) => Some(e.detail(function, function.name)).filter(|detail| detail.contains("s3cr3t")),
                Ok(_) if args.is_empty() || OPEN.contains(&function.name) => None,
                Ok(value) => (!value.marks().contains(Marks::SENSITIVE)).then(|| format!("{value:?}")),
            };
            if let Some(leak) = leak {
                leaks.entry(function.name).or_insert_with(|| format!("{args:?}: {leak}"));
            }
        });
        assert_eq!(leaks, BTreeMap::new());
    }
}
