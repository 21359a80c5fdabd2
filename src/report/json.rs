//! JSON written from left to right: no tree is built, so that ten thousand replicas cost no more than their text.

/// A JSON text being written. Commas are its own business; balance of braces is the caller's.
#[derive(Debug, Default)]
pub struct Json {
    out: String,
    comma: bool,
}

impl Json {
    /// Nothing yet.
    pub fn new() -> Json {
        Json::default()
    }

    /// The text.
    pub fn finish(self) -> String {
        self.out
    }

    fn value(&mut self) -> &mut String {
        if self.comma {
            self.out.push(',');
        }
        self.comma = true;
        &mut self.out
    }

    /// A member's name; its value must follow.
    pub fn key(&mut self, name: &str) -> &mut Json {
        quote(name, self.value());
        self.out.push(':');
        self.comma = false;
        self
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        quote(text, self.value());
    }

    /// What is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.value().push_str(json);
    }

    /// A number, a bool: what prints as JSON.
    pub fn plain(&mut self, value: impl std::fmt::Display) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(self.value(), "{value}");
    }

    /// A number, or null.
    pub fn maybe(&mut self, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.raw("null"),
        }
    }

    /// An object.
    pub fn object(&mut self, inside: impl FnOnce(&mut Json)) {
        self.value().push('{');
        self.comma = false;
        inside(self);
        self.out.push('}');
        self.comma = true;
    }

    /// An array.
    pub fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Json, T)) {
        self.value().push('[');
        self.comma = false;
        for item in items {
            each(self, item);
        }
        self.out.push(']');
        self.comma = true;
    }

    /// An array of texts.
    pub fn texts<S: AsRef<str>>(&mut self, items: impl IntoIterator<Item = S>) {
        self.array(items, |json, item| json.text(item.as_ref()));
    }
}

/// A text in quotes. Escapes what JSON asks for, and what could end a script element or a line elsewhere.
pub fn quote(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '<' => "\\u003c",
            '>' => "\\u003e",
            '&' => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if u32::from(c) < 0x20 => {
                out.push_str(&text[plain..at]);
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                plain = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        out.push_str(escape);
        plain = at + c.len_utf8();
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commas_stand_between() {
        let mut json = Json::new();
        json.object(|j| {
            j.key("a").plain(1);
            j.key("b").array([1, 2], |j, n| j.object(|j| j.key("n").plain(n)));
            j.key("c").maybe(None::<u32>);
            j.key("d").texts(["x", "y"]);
            j.key("e").object(|_| {});
        });
        assert_eq!(json.finish(), r#"{"a":1,"b":[{"n":1},{"n":2}],"c":null,"d":["x","y"],"e":{}}"#);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let mut out = String::new();
            quote(&text, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            let safe = !out.contains(['<', '\n', '\u{2028}']);
            prop_assert!(safe);
        }
    }
}
