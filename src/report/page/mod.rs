//! Pages for people: a plan, a drift check or a simulation as one file that needs nothing else.
//!
//! Everything is readable without scripts; with them steps can be played through and objects searched. Nothing of a spec or a
//! provider becomes markup, and the page allows no script but its own.

mod drift;
mod parts;
mod plan;
mod simulation;

pub use drift::drift;
pub use plan::plan;
pub use simulation::simulation;

use crate::tongue::{Lang, say};
use base64::Engine as _;
use quick_xml::escape::escape;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Text as markup that shows it.
fn show(text: &str) -> Cow<'_, str> {
    escape(text)
}

/// Words of a page, as markup.
fn tell(lang: Lang, key: &str, args: &[(&str, &str)]) -> String {
    show(&say(lang, key, args)).into_owned()
}

/// A page around a body.
fn document(title: &str, body: &str, lang: Lang) -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let title = show(title);
    let code = if lang == Lang::Ko { "ko" } else { "en" };
    let word = |key| tell(lang, key, &[]);
    let (light, step, play) = (word("page.light"), word("page.key_step"), word("page.key_play"));
    let (search, open) = (word("page.key_search"), word("page.key_open"));
    format!(
        "<!doctype html>\n<html lang=\"{code}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <div class=\"tools\"><button id=\"theme\" type=\"button\">{light}</button></div>\n{body}\
         <dl class=\"keys\"><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>{step}</dd><dt><kbd>space</kbd></dt><dd>{play}</dd>\
         <dt><kbd>/</kbd></dt><dd>{search}</dd><dt><kbd>e</kbd></dt><dd>{open}</dd><dt><kbd>t</kbd></dt><dd>{light}</dd></dl>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}
