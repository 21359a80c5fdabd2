//! Functions on IP address ranges.
//!
//! Addresses are read by a reader of our own: Terraform takes octets with leading zeros and reads them as decimal, which the
//! standard library refuses. Arithmetic is on whole numbers of any size, since Terraform's is.

use super::{Call, Function, FunctionError, Param, Returns, Shape};
use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use straddle_sdk::value::{Kind, Type, Value};

const PREFIX: Param = Param::new("prefix", Shape::String);
const STRING: Returns = Returns::Always(Shape::String);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "cidrcontains",
        &[Param::new("containing_prefix", Shape::String), Param::new("contained_ip_or_prefix", Shape::String)],
        Returns::Always(Shape::Bool),
        cidr_contains,
    ),
    Function::new("cidrhost", &[PREFIX, Param::new("hostnum", Shape::Number)], STRING, cidr_host),
    Function::new("cidrnetmask", &[PREFIX], STRING, cidr_netmask),
    Function::new(
        "cidrsubnet",
        &[PREFIX, Param::new("newbits", Shape::Number), Param::new("netnum", Shape::Number)],
        STRING,
        cidr_subnet,
    ),
    Function::new("cidrsubnets", &[PREFIX], Returns::Always(Shape::STRINGS), cidr_subnets)
        .variadic(Param::new("newbits", Shape::Number)),
];

/// An address as a number, and how many bits it has: 32 or 128.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Address {
    number: u128,
    bits: u32,
}

/// A range of addresses; the bits behind the prefix are zero.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Network {
    start: Address,
    length: u32,
}

impl Address {
    fn parse(text: &str) -> Option<Address> {
        let v4 = octets(text).map(|n| Address { number: n.into(), bits: 32 });
        v4.or_else(|| groups(text).map(|n| Address { number: n, bits: 128 }))
    }

    /// An IPv4 address, also one written in IPv6.
    fn is_v4(self) -> bool {
        self.bits == 32 || self.number >> 32 == 0xffff
    }

    fn text(self) -> String {
        if self.is_v4() {
            IpAddr::from(Ipv4Addr::from(self.number as u32)).to_string()
        } else {
            Ipv6Addr::from(self.number).to_string()
        }
    }

    /// The number with all bits behind the first `length` set.
    fn last(self, length: u32) -> u128 {
        self.number | ones(self.bits - length)
    }
}

/// The lowest `n` bits.
fn ones(n: u32) -> u128 {
    1u128.checked_shl(n).map_or(u128::MAX, |bit| bit - 1)
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, length) = text.split_once('/')?;
        let address = Address::parse(address)?;
        let length = decimal(length, 3).filter(|n| *n <= address.bits)?;
        Some(Network::around(address, length))
    }

    /// The network of this length which the address is in.
    fn around(address: Address, length: u32) -> Network {
        let number = address.number & !ones(address.bits - length);
        Network { start: Address { number, ..address }, length }
    }

    /// As IPv4, if it is IPv4 written in IPv6.
    fn shortest(self) -> Network {
        if !self.start.is_v4() {
            return self;
        }
        let length = if self.start.bits == 128 { self.length.saturating_sub(96) } else { self.length };
        Network { start: Address { number: self.start.number & ones(32), bits: 32 }, length }
    }

    fn text(self) -> String {
        let shown =
            if self.start.is_v4() && self.start.bits == 128 { self.length.saturating_sub(96) } else { self.length };
        format!("{}/{shown}", self.start.text())
    }

    /// Sets the bits of `number` before bit `at` (counted from the left) of the start, as Terraform does it: negative
    /// numbers are or-ed in as two's complement and what comes out is taken without its sign.
    fn insert(self, number: &BigInt, at: u32) -> Address {
        let shifted = number << (self.start.bits.saturating_sub(at));
        let whole = (BigInt::from(self.start.number) | shifted).abs();
        let low = whole & BigInt::from(ones(self.start.bits));
        Address { number: low.to_u128().unwrap_or_default(), ..self.start }
    }
}

/// Up to `digits` decimal digits and nothing else; leading zeros do not count.
fn decimal(text: &str, digits: usize) -> Option<u32> {
    let significant = text.trim_start_matches('0');
    let fits = !text.is_empty() && significant.len() <= digits && text.bytes().all(|b| b.is_ascii_digit());
    if !fits {
        return None;
    }
    if significant.is_empty() { Some(0) } else { significant.parse().ok() }
}

/// Four decimal octets.
fn octets(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() != 4 {
        return None;
    }
    let octet = |part: &str| decimal(part, 3).filter(|n| *n <= 255);
    parts.into_iter().try_fold(0u32, |sum, part| Some(sum << 8 | octet(part)?))
}

/// Eight groups of hexadecimal digits, of which one run of zeros may be left out and the last two be four octets.
fn groups(text: &str) -> Option<u128> {
    let (head, tail) = match text.split_once("::") {
        Some((head, tail)) => (half(head, tail.is_empty())?, Some(half(tail, true)?)),
        None => (half(text, true)?, None),
    };
    let words = match tail {
        None => head,
        Some(tail) => {
            let gap = 8usize.checked_sub(head.len() + tail.len()).filter(|gap| *gap > 0)?;
            [head, vec![0; gap], tail].concat()
        }
    };
    (words.len() == 8).then(|| words.into_iter().fold(0u128, |sum, word| sum << 16 | u128::from(word)))
}

/// The groups on one side of `::`; octets are allowed at the end of the address only.
fn half(text: &str, ends: bool) -> Option<Vec<u16>> {
    let mut words = Vec::new();
    if text.is_empty() {
        return Some(words);
    }
    let mut parts = text.split(':').peekable();
    while let Some(part) = parts.next() {
        if ends && parts.peek().is_none() && part.contains('.') {
            let v4 = octets(part)?;
            words.extend([(v4 >> 16) as u16, v4 as u16]);
        } else {
            words.push(group(part)?);
        }
    }
    (words.len() <= 8).then_some(words)
}

/// Up to four hexadecimal digits; leading zeros do not count.
fn group(text: &str) -> Option<u16> {
    let significant = text.trim_start_matches('0');
    let fits = !text.is_empty() && significant.len() <= 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !fits {
        return None;
    }
    if significant.is_empty() { Some(0) } else { u16::from_str_radix(significant, 16).ok() }
}

fn network(call: &Call<'_>) -> Result<Network, FunctionError> {
    let text = call.text(0)?;
    Network::parse(text).ok_or_else(|| {
        FunctionError::quoting(
            format!("invalid CIDR expression: invalid CIDR address: {text}"),
            "invalid CIDR expression",
        )
    })
}

/// A whole number of any size.
fn integer(call: &Call<'_>, position: usize) -> Result<BigInt, FunctionError> {
    call.num(position)?.to_bigint().ok_or_else(|| FunctionError::new("value must be a whole number"))
}

fn cidr_host(call: &Call<'_>) -> Result<Value, FunctionError> {
    let number = integer(call, 1)?;
    let network = network(call)?;
    let highest = BigInt::from(ones(network.start.bits - network.length));
    // Negative numbers count from the end.
    let (distance, number) = if number.is_negative() {
        (-&number - BigInt::one(), &highest + &number + BigInt::one())
    } else {
        (number.clone(), number)
    };
    if distance > highest {
        let length = network.length;
        return Err(FunctionError::quoting(
            format!("prefix of {length} does not accommodate a host numbered {number}"),
            format!("prefix of {length} does not accommodate a host of that number"),
        ));
    }
    let at = if network.start.is_v4() { 32 } else { 128 };
    Ok(Value::string(network.insert(&number, at).text()))
}

fn cidr_netmask(call: &Call<'_>) -> Result<Value, FunctionError> {
    let network = network(call)?;
    if !network.start.is_v4() {
        let message = format!("IPv6 addresses cannot have a netmask: {}", call.text(0)?);
        return Err(FunctionError::quoting(message, "IPv6 addresses cannot have a netmask"));
    }
    let mask = ones(network.start.bits) & !ones(network.start.bits - network.length);
    Ok(Value::string(Address { number: mask, ..network.start }.text()))
}

fn cidr_subnet(call: &Call<'_>) -> Result<Value, FunctionError> {
    let new_bits = call.int(1)?;
    let number = integer(call, 2)?;
    let network = network(call)?;
    let Network { start, length } = network;
    let extended = i64::from(length).saturating_add(new_bits);
    if extended > i64::from(start.bits) {
        let message = format!("insufficient address space to extend prefix of {length} by {new_bits}");
        return Err(FunctionError::told(message));
    }
    // Terraform answers "<nil>" here.
    let Ok(extended) = u32::try_from(extended) else {
        return Err(FunctionError::told(format!(
            "a prefix of {length} cannot be shortened by {}",
            new_bits.unsigned_abs()
        )));
    };
    let fits = match u32::try_from(new_bits) {
        Ok(n) if n < 64 => number.magnitude() <= &(ones(n) as u64).into(),
        // Terraform compares 64 bits only, so that wider extensions and shortenings take any number.
        _ => true,
    };
    if !fits {
        return Err(FunctionError::quoting(
            format!("prefix extension of {new_bits} does not accommodate a subnet numbered {number}"),
            format!("prefix extension of {new_bits} does not accommodate a subnet of that number"),
        ));
    }
    let start = network.insert(&number, extended);
    Ok(Value::string(Network { start, length: extended }.text()))
}

/// Consecutive networks, each at the next place it can begin at.
fn cidr_subnets(call: &Call<'_>) -> Result<Value, FunctionError> {
    let network = network(call).map_err(|e| e.at(0))?;
    let mut current: Option<Network> = None;
    let mut found = Vec::new();
    for position in 1..call.args.len() {
        let new_bits = call.int(position).map_err(|e| e.at(position))?;
        let length = extended(network, new_bits).map_err(|e| e.at(position))?;
        let next = match current {
            // Terraform looks for the first one after the network before, which the lowest network has not.
            None if network.start.number == 0 => None,
            None => Some(Network { length, ..network }),
            Some(current) => after(current, length).filter(|next| contains(network, next.start)),
        };
        let Some(next) = next else {
            let last = current.unwrap_or_else(|| {
                Network::around(Address { number: ones(network.start.bits), ..network.start }, length)
            });
            let message = format!(
                "not enough remaining address space for a subnet with a prefix of {length} bits after {}",
                last.text()
            );
            return Err(FunctionError::quoting(message, "not enough remaining address space").at(position));
        };
        found.push(Value::string(next.text()));
        current = Some(next);
    }
    Ok(Value::list(Type::String, found))
}

/// The prefix length of one of [`cidr_subnets`].
fn extended(network: Network, new_bits: i64) -> Result<u32, FunctionError> {
    let bits = match new_bits {
        ..=0 => return Err(FunctionError::new("must extend prefix by at least one bit")),
        1..=32 => new_bits as u32,
        _ => return Err(FunctionError::new("may not extend prefix by more than 32 bits")),
    };
    let length = network.length + bits;
    if length > network.start.bits {
        let protocol = if network.start.bits == 32 { "IPv4" } else { "IPv6" };
        let message = format!("would extend prefix to {length} bits, which is too long for an {protocol} address");
        return Err(FunctionError::told(message));
    }
    Ok(length)
}

/// The first network of this length that begins behind another; none at the end of all addresses.
fn after(network: Network, length: u32) -> Option<Network> {
    let last = Address { number: network.start.last(network.length), ..network.start };
    let number = Network::around(last, length).start.last(length).checked_add(1)?;
    (number <= ones(last.bits)).then_some(Network { start: Address { number, ..last }, length })
}

fn contains(network: Network, address: Address) -> bool {
    network.start.bits == address.bits && Network::around(address, network.length) == network
}

/// OpenTofu's: whether an address or a whole range lies in a range.
fn cidr_contains(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (prefix, text) = (call.text(0)?, call.text(1)?);
    let outer = Network::parse(prefix)
        .ok_or_else(|| FunctionError::quoting(format!("invalid CIDR address: {prefix}"), "invalid CIDR address"))?;
    let inner = match Address::parse(text) {
        Some(address) => Some(Network { start: address, length: address.bits }),
        None => Network::parse(text),
    };
    let inner = inner.ok_or_else(|| {
        FunctionError::quoting(format!("invalid IP address or prefix: {text}"), "invalid IP address or prefix")
    })?;
    let (outer, inner) = (outer.shortest(), inner.shortest());
    if outer.start.bits != inner.start.bits {
        let message = format!("address family mismatch: {prefix} vs. {text}");
        return Err(FunctionError::quoting(message, "address family mismatch"));
    }
    Ok(Kind::Bool(inner.length >= outer.length && contains(outer, inner.start)).into())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, s, strings};
    use straddle_sdk::value::Kind;

    /// Measured with Terraform 1.11.4.
    #[test]
    fn hosts() {
        for (prefix, number, want) in [
            ("10.0.0.0/8", n(-1), "10.255.255.255"),
            ("10.0.0.5/8", n(-1), "10.255.255.255"),
            ("010.0.0.0/8", n(1), "10.0.0.1"),
            ("10.0.0.0/08", n(1), "10.0.0.1"),
            ("10.0.0.0/30", n(-4), "10.0.0.0"),
            ("fd00::/64", n(-1), "fd00::ffff:ffff:ffff:ffff"),
            ("fd00::/16", n(-1), "fd00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::ffff:10.0.0.0/104", n(0), "10.0.0.0"),
            ("::ffff:10.0.0.0/104", n(1), "0:1::ffff:a00:0"),
            ("0.0.0.0/0", n(4294967295), "255.255.255.255"),
            ("1:2:3:4:5:6:1.2.3.4/128", n(0), "1:2:3:4:5:6:102:304"),
            ("::/128", n(0), "::"),
            ("::1:2:3:4:5:6:7/128", n(0), "0:1:2:3:4:5:6:7"),
            ("1::1.2.3.4/128", n(0), "1::102:304"),
            ("00001::/128", n(0), "1::"),
            ("1.2.3.0004/32", n(0), "1.2.3.4"),
            ("1:0:0:2:0:0:0:3/128", n(0), "1:0:0:2::3"),
        ] {
            is("cidrhost", &[s(prefix), number], s(want));
        }
    }

    #[test]
    fn hosts_refused() {
        for (prefix, number, want) in [
            ("10.0.0.0/30", 4, "prefix of 30 does not accommodate a host numbered 4"),
            ("10.0.0.0/30", -5, "prefix of 30 does not accommodate a host numbered -1"),
            ("10.0.0.0/33", 1, "invalid CIDR expression: invalid CIDR address: 10.0.0.0/33"),
            ("10.0.0/8", 1, "invalid CIDR expression: invalid CIDR address: 10.0.0/8"),
            ("10.0.0.0", 1, "invalid CIDR expression: invalid CIDR address: 10.0.0.0"),
            ("12345::/16", 0, "invalid CIDR expression: invalid CIDR address: 12345::/16"),
            ("1:2:3:4:5:6:7:8::/128", 0, "invalid CIDR expression: invalid CIDR address: 1:2:3:4:5:6:7:8::/128"),
            ("1::2::3/8", 1, "invalid CIDR expression: invalid CIDR address: 1::2::3/8"),
            ("fe80::1%eth0/8", 1, "invalid CIDR expression: invalid CIDR address: fe80::1%eth0/8"),
        ] {
            fails("cidrhost", &[s(prefix), n(number)], want);
        }
    }

    #[test]
    fn masks() {
        is("cidrnetmask", &[s("10.0.0.0/12")], s("255.240.0.0"));
        is("cidrnetmask", &[s("10.0.0.0/0")], s("0.0.0.0"));
        is("cidrnetmask", &[s("1.2.3.4/32")], s("255.255.255.255"));
        is("cidrnetmask", &[s("::ffff:10.0.0.0/104")], s("ffff:ffff:ffff:ffff:ffff:ffff:ff00:0"));
        fails("cidrnetmask", &[s("fd00::/64")], "IPv6 addresses cannot have a netmask: fd00::/64");
    }

    #[test]
    fn one_subnet() {
        for (prefix, bits, number, want) in [
            ("10.1.2.3/8", 8, 2, "10.2.0.0/16"),
            ("10.0.0.0/8", 0, 0, "10.0.0.0/8"),
            ("10.0.0.0/8", -1, 0, "10.0.0.0/7"),
            ("10.0.0.0/8", 8, -1, "0.1.0.0/16"),
            ("fd00::/48", 16, 162, "fd00:0:0:a2::/64"),
            ("fd00::/32", 64, 1, "fd00::1:0:0/96"),
            ("::ffff:10.0.0.0/104", 8, 1, "10.1.0.0/16"),
            ("::ffff:10.0.0.0/96", 8, 1, "1.0.0.0/8"),
        ] {
            is("cidrsubnet", &[s(prefix), n(bits), n(number)], s(want));
        }
        for (prefix, bits, number, want) in [
            ("10.0.0.0/8", 25, 0, "insufficient address space to extend prefix of 8 by 25"),
            ("10.0.0.0/8", 2, 4, "prefix extension of 2 does not accommodate a subnet numbered 4"),
            ("10.0.0.0/8", 0, 1, "prefix extension of 0 does not accommodate a subnet numbered 1"),
            ("10.0.0.0/8", -9, 0, "a prefix of 8 cannot be shortened by 9"),
            ("10.0.0.0/8", i64::MIN, 0, "a prefix of 8 cannot be shortened by 9223372036854775808"),
            ("fd00::/16", i64::MAX, 0, "insufficient address space to extend prefix of 16 by 9223372036854775807"),
        ] {
            fails("cidrsubnet", &[s(prefix), n(bits), n(number)], want);
        }
    }

    #[test]
    fn containment() {
        for (outer, inner, want) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.0.0.0/7", false),
            ("fd00::/8", "fd12::/16", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ] {
            is("cidrcontains", &[s(outer), s(inner)], Kind::Bool(want).into());
        }
        fails("cidrcontains", &[s("10.0.0.0"), s("10.0.0.1")], "invalid CIDR address: 10.0.0.0");
        fails("cidrcontains", &[s("10.0.0.0/8"), s("x")], "invalid IP address or prefix: x");
        let message = "address family mismatch: 10.0.0.0/8 vs. fd00::1";
        fails("cidrcontains", &[s("10.0.0.0/8"), s("fd00::1")], message);
    }

    #[test]
    fn many_subnets() {
        is(
            "cidrsubnets",
            &[s("10.0.0.0/8"), n(4), n(4), n(8), n(4)],
            strings(&["10.0.0.0/12", "10.16.0.0/12", "10.32.0.0/16", "10.48.0.0/12"]),
        );
        is("cidrsubnets", &[s("10.1.2.3/8"), n(8), n(4)], strings(&["10.0.0.0/16", "10.16.0.0/12"]));
        is(
            "cidrsubnets",
            &[s("fd00::/16"), n(8), n(32), n(8)],
            strings(&["fd00::/24", "fd00:100::/48", "fd00:200::/24"]),
        );
        is("cidrsubnets", &[s("10.0.0.0/8")], strings(&[]));
        for (prefix, bits, want) in [
            ("10.0.0.0/8", &[0][..], "must extend prefix by at least one bit"),
            ("fd00::/32", &[40], "may not extend prefix by more than 32 bits"),
            ("10.0.0.0/30", &[3], "would extend prefix to 33 bits, which is too long for an IPv4 address"),
            (
                "10.0.0.0/30",
                &[1, 1, 1],
                "not enough remaining address space for a subnet with a prefix of 31 bits after 10.0.0.2/31",
            ),
            (
                "0.0.0.0/0",
                &[8],
                "not enough remaining address space for a subnet with a prefix of 8 bits after 255.0.0.0/8",
            ),
            ("bad", &[1], "invalid CIDR expression: invalid CIDR address: bad"),
        ] {
            let args: Vec<_> = [s(prefix)].into_iter().chain(bits.iter().map(|b| n(*b))).collect();
            fails("cidrsubnets", &args, want);
        }
    }
}
