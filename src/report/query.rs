//! What `query` found: lines for people, events for programs.

use super::events::Lines;
use super::style::clean;
use crate::plan::import::identity_text;
use straddle_sdk::value::Value;
use straddle_sdk::value::codec::show::known_part;

/// An existing object that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What its provider knows it by.
    pub identity: Value,
    /// For people.
    pub display_name: String,
    /// The object, if it was asked for.
    pub object: Option<Value>,
}

/// What one instance of a `list` block found.
#[derive(Clone, Debug)]
pub struct Listing {
    /// `list.aws_instance.all["a"]`.
    pub address: String,
    /// The type of what is listed.
    pub resource_type: String,
    /// Version of the schema of its identities.
    pub identity_version: i64,
    /// What the provider was asked.
    pub config: Value,
    /// In the order of the answer.
    pub found: Vec<Found>,
}

/// A line for each object: address, identity, name; the columns of each listing under each other.
pub fn text(listings: &[Listing]) -> String {
    let mut out = String::new();
    for listing in listings.iter().filter(|l| !l.found.is_empty()) {
        let identities: Vec<String> =
            listing.found.iter().map(|f| clean(&identity_text(&f.identity)).into_owned()).collect();
        let width = identities.iter().map(|text| super::style::columns(text)).max().unwrap_or(0);
        for (found, identity) in listing.found.iter().zip(&identities) {
            let gap = " ".repeat(width.saturating_sub(super::style::columns(identity)));
            let (address, name) = (clean(&listing.address), clean(&found.display_name));
            out.push_str(format!("{address}   {identity}{gap}   {name}").trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// The same, one JSON object a line.
pub fn events(listings: &[Listing], timestamp: &str) -> String {
    let mut lines = Lines { timestamp, out: String::new() };
    for listing in listings {
        let (address, ty) = (&listing.address, &listing.resource_type);
        lines.line("info", &format!("{address}: Starting query..."), "list_start", |j| {
            j.key("list_start").object(|j| {
                j.key("address").text(address);
                j.key("resource_type").text(ty);
                j.key("input_config").raw(&known_part(&listing.config).unwrap_or_else(|| "{}".into()));
            });
        });
        for found in &listing.found {
            lines.line("info", &format!("{address}: Result found"), "list_resource_found", |j| {
                j.key("list_resource_found").object(|j| {
                    j.key("address").text(address);
                    j.key("display_name").text(&found.display_name);
                    j.key("identity").raw(&known_part(&found.identity).unwrap_or_else(|| "{}".into()));
                    j.key("identity_version").plain(listing.identity_version);
                    j.key("resource_type").text(ty);
                    if let Some(object) = &found.object {
                        j.key("resource_object").raw(&known_part(object).unwrap_or_else(|| "{}".into()));
                    }
                });
            });
        }
        lines.line("info", &format!("{address}: List complete"), "list_complete", |j| {
            j.key("list_complete").object(|j| {
                j.key("address").text(address);
                j.key("resource_type").text(ty);
                j.key("total").plain(listing.found.len());
            });
        });
    }
    lines.out
}
