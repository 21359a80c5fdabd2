//! Hashes, identifiers and passwords.

use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use sha2::Digest;
use straddle_sdk::value::Value;
use uuid::Uuid;

const STR: &[Param] = &[Param::new("str", Shape::String)];
const STRING: Returns = Returns::Always(Shape::String);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("base64sha256", STR, STRING, |call| hash(call, |b| STANDARD.encode(sha2::Sha256::digest(b)))),
    Function::new("base64sha512", STR, STRING, |call| hash(call, |b| STANDARD.encode(sha2::Sha512::digest(b)))),
    Function::new("bcrypt", STR, STRING, bcrypt).variadic(Param::new("cost", Shape::Number)),
    Function::new("md5", STR, STRING, |call| hash(call, md5)),
    Function::new("sha1", STR, STRING, |call| hash(call, sha1)),
    Function::new("sha256", STR, STRING, |call| hash(call, sha256)),
    Function::new("sha512", STR, STRING, |call| hash(call, sha512)),
    Function::new("uuid", &[], STRING, uuid),
    Function::new(
        "uuidv5",
        &[Param::new("namespace", Shape::String), Param::new("name", Shape::String)],
        STRING,
        uuid_v5,
    ),
];

fn hash(call: &Call<'_>, digest: impl FnOnce(&[u8]) -> String) -> Result<Value, FunctionError> {
    Ok(Value::string(digest(call.text(0)?.as_bytes())))
}

pub(super) fn md5(bytes: &[u8]) -> String {
    HEXLOWER.encode(&md5::Md5::digest(bytes))
}

pub(super) fn sha1(bytes: &[u8]) -> String {
    HEXLOWER.encode(&sha1::Sha1::digest(bytes))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&sha2::Sha256::digest(bytes))
}

pub(super) fn sha512(bytes: &[u8]) -> String {
    HEXLOWER.encode(&sha2::Sha512::digest(bytes))
}

fn random(call: &Call<'_>) -> Result<Option<[u8; 16]>, FunctionError> {
    let bytes = call.ctx.random.map(|random| random.bytes()).transpose();
    bytes.map_err(|e| FunctionError::told(format!("no random numbers are to be had: {e}")))
}

fn uuid(call: &Call<'_>) -> Result<Value, FunctionError> {
    Ok(match random(call)? {
        Some(bytes) => Value::string(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()),
        None => call.unknown(),
    })
}

fn uuid_v5(call: &Call<'_>) -> Result<Value, FunctionError> {
    let namespace = call.text(0)?;
    let namespace = match namespace {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => parse_uuid(other).map_err(|why| {
            FunctionError::quoting(
                format!("uuidv5() doesn't support namespace {other} ({why})"),
                "uuidv5() doesn't support this namespace",
            )
        })?,
    };
    Ok(Value::string(Uuid::new_v5(&namespace, call.text(1)?.as_bytes()).to_string()))
}

/// Reads the forms Terraform reads: with hyphens, in braces, as URN, or bare digits.
fn parse_uuid(text: &str) -> Result<Uuid, String> {
    let inner = match text.len() {
        36 => text,
        45 => match text.get(..9) {
            Some(urn) if urn.eq_ignore_ascii_case("urn:uuid:") => text.get(9..).unwrap_or_default(),
            urn => return Err(format!("invalid urn prefix: {}", quoted(urn.unwrap_or_default()))),
        },
        38 => text.get(1..37).unwrap_or_default(),
        32 => text,
        n => return Err(format!("invalid UUID length: {n}")),
    };
    Uuid::try_parse(inner).map_err(|_| "invalid UUID format".to_owned())
}

/// Terraform's default cost, also for costs that are too low.
const COST: u32 = 10;

fn bcrypt(call: &Call<'_>) -> Result<Value, FunctionError> {
    if call.args.len() > 2 {
        return Err(FunctionError::new("bcrypt() takes no more than two arguments"));
    }
    let cost = if call.args.len() == 2 { call.int(1)? } else { COST.into() };
    let cost = match u32::try_from(cost) {
        Ok(cost @ 4..=31) => cost,
        Ok(32..) => {
            let message =
                format!("error occured generating password crypto/bcrypt: cost {cost} is outside allowed range (4,31)");
            return Err(FunctionError::told(message));
        }
        _ => COST,
    };
    let text = call.text(0)?.as_bytes();
    if text.len() > 72 {
        let message = "error occured generating password bcrypt: password length exceeds 72 bytes";
        return Err(FunctionError::new(message));
    }
    let Some(salt) = random(call)? else { return Ok(call.unknown()) };
    let hash = bcrypt::hash_with_salt(text, cost, salt)
        .map_err(|e| FunctionError::told(format!("error occured generating password {e}")))?;
    Ok(Value::string(hash.format_for_version(bcrypt::Version::TwoA)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, fails, is, n, run, s};
    use super::super::{FunctionContext, Random, call, lookup};
    use std::io;

    struct Fixed;

    impl Random for Fixed {
        fn bytes(&self) -> io::Result<[u8; 16]> {
            Ok([7; 16])
        }
    }

    #[test]
    fn hashes() {
        for (name, want) in [
            ("md5", "0cc175b9c0f1b6a831c399e269772661"),
            ("sha1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
            ("sha256", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
            ("base64sha256", "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="),
        ] {
            is(name, &[s("a")], s(want));
        }
    }

    #[test]
    fn named_identifiers() {
        is("uuidv5", &[s("dns"), s("example.com")], s("cfbff0d1-9375-5685-968c-48ce8b15ae17"));
        is("uuidv5", &[s("url"), s("https://x")], s("48d34be5-10a3-5c30-96ef-9cf9a60110f2"));
        let dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        for form in [dns, &format!("urn:uuid:{dns}"), &format!("{{{dns}}}"), &dns.replace('-', "")] {
            is("uuidv5", &[s(form), s("example.com")], s("cfbff0d1-9375-5685-968c-48ce8b15ae17"));
        }
        let message = "uuidv5() doesn't support namespace bad (invalid UUID length: 3)";
        fails("uuidv5", &[s("bad"), s("x")], message);
    }

    #[test]
    fn chance_comes_from_outside() {
        let ctx = FunctionContext { random: Some(&Fixed), ..context() };
        let with = |name: &str, args: &[_]| call(lookup(name).expect("it exists"), args, &ctx).expect("it works");
        assert_eq!(with("uuid", &[]).as_str(), Some("07070707-0707-4707-8707-070707070707"));
        let hash = with("bcrypt", &[s("pass"), n(4)]);
        let hash = hash.as_str().expect("a string");
        assert!(hash.starts_with("$2a$04$"), "{hash}");
        assert!(bcrypt::verify("pass", hash).expect("a hash"));
        assert!(with("bcrypt", &[s("pass"), n(3)]).as_str().expect("a string").starts_with("$2a$10$"));
        for (name, args) in [("uuid", &[][..]), ("bcrypt", &[s("pass")])] {
            assert!(run(name, args).expect("it works").is_unknown());
        }
        fails("bcrypt", &[s("a"), n(4), n(4)], "bcrypt() takes no more than two arguments");
        let high = "error occured generating password crypto/bcrypt: cost 32 is outside allowed range (4,31)";
        fails("bcrypt", &[s("a"), n(32)], high);
    }
}
