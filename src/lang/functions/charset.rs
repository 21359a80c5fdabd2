//! Character encodings by the names the IANA gives them, as many as Terraform knows.

use super::code_pages;
use encoding_rs::Encoding;

/// An encoding.
pub(super) struct Charset {
    /// The name in messages.
    pub name: &'static str,
    /// Further names; case does not count.
    aliases: &'static [&'static str],
    codec: Codec,
}

enum Codec {
    Ascii,
    Latin1,
    Utf8,
    Utf16 {
        little: bool,
    },
    /// Big endian unless a byte order mark says otherwise, and one is written.
    Utf16WithMark,
    /// As browsers have it.
    Web(&'static Encoding),
    /// The same, but bytes without a character stay without one, and so do those of control characters.
    Windows(&'static Encoding),
    /// GB 2312 in seven bits, between `~{` and `~}`.
    Hz,
    /// By table: 256 characters, or 128 behind ASCII.
    Page(&'static str),
}

/// The encoding of this name.
pub(super) fn lookup(name: &str) -> Option<&'static Charset> {
    let known = |other: &str| other.eq_ignore_ascii_case(name);
    CHARSETS.iter().find(|c| known(c.name) || c.aliases.iter().any(|alias| known(alias)))
}

impl Charset {
    /// The bytes of a text, if every character has some.
    pub fn encode(&self, text: &str) -> Option<Vec<u8>> {
        match self.codec {
            Codec::Ascii => text.is_ascii().then(|| text.into()),
            Codec::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
            Codec::Utf8 => Some(text.into()),
            Codec::Utf16 { little } => Some(utf16(text, little)),
            Codec::Utf16WithMark => Some([vec![0xfe, 0xff], utf16(text, false)].concat()),
            Codec::Windows(_) if text.contains(is_c1) => None,
            Codec::Web(encoding) | Codec::Windows(encoding) => {
                let (bytes, _, lost) = encoding.encode(text);
                (!lost).then(|| bytes.into_owned())
            }
            Codec::Hz => hz(text),
            Codec::Page(page) => text.chars().map(|c| in_page(page, c)).collect(),
        }
    }

    /// The text of bytes, if every byte has a meaning.
    pub fn decode(&self, bytes: &[u8]) -> Option<String> {
        let text = match self.codec {
            Codec::Ascii => bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned()),
            Codec::Latin1 => Some(bytes.iter().copied().map(char::from).collect()),
            Codec::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Codec::Utf16 { little } => from_utf16(bytes, little),
            Codec::Utf16WithMark => match bytes {
                [0xff, 0xfe, rest @ ..] => from_utf16(rest, true),
                [0xfe, 0xff, rest @ ..] => from_utf16(rest, false),
                rest => from_utf16(rest, false),
            },
            Codec::Web(encoding) => web(encoding, bytes),
            Codec::Windows(encoding) => web(encoding, bytes).filter(|text| !text.contains(is_c1)),
            Codec::Hz => from_hz(bytes),
            Codec::Page(page) => bytes.iter().map(|b| of_page(page, *b)).collect(),
        };
        text.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))
    }
}

fn web(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
}

/// Control characters which browsers put in the gaps of Windows code pages.
fn is_c1(c: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&c)
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

fn from_utf16(bytes: &[u8], little: bool) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let unit = |pair: &[u8; 2]| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    let text = char::decode_utf16(pairs.iter().map(unit)).collect::<Result<String, _>>().ok();
    text.filter(|_| rest.is_empty())
}

/// As Go's encoder has it: the last stretch is not closed, and a tilde does not close one.
fn hz(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut open) = (Vec::with_capacity(text.len()), false);
    for c in text.chars() {
        if c == '~' {
            out.extend(b"~~");
        } else if c.is_ascii() {
            if std::mem::take(&mut open) {
                out.extend(b"~}");
            }
            out.extend(u8::try_from(c));
        } else {
            let mut buffer = [0; 4];
            let (bytes, _, lost) = encoding_rs::GBK.encode(c.encode_utf8(&mut buffer));
            let [high @ 0xa1..=0xff, low @ 0xa1..=0xff] = *bytes.as_ref() else { return None };
            if lost {
                return None;
            }
            if !std::mem::replace(&mut open, true) {
                out.extend(b"~{");
            }
            out.extend([high & 0x7f, low & 0x7f]);
        }
    }
    Some(out)
}

fn from_hz(bytes: &[u8]) -> Option<String> {
    let (mut out, mut open, mut rest) = (String::new(), false, bytes);
    loop {
        rest = match rest {
            [] => return Some(out),
            [b'~', b'{', after @ ..] => {
                open = true;
                after
            }
            [b'~', b'}', after @ ..] => {
                open = false;
                after
            }
            [b'~', b'~', after @ ..] => {
                out.push('~');
                after
            }
            [b'~', b'\n', after @ ..] => after,
            [b'~', ..] | [0x80..=0xff, ..] => return None,
            [high, low, after @ ..] if open => {
                out.push_str(&web(encoding_rs::GBK, &[high | 0x80, low | 0x80])?);
                after
            }
            [_] if open => return None,
            [ascii, after @ ..] => {
                out.push(char::from(*ascii));
                after
            }
        };
    }
}

fn of_page(page: &str, byte: u8) -> Option<char> {
    if page.chars().nth(128).is_some() {
        page.chars().nth(byte.into())
    } else if byte < 128 {
        Some(byte.into())
    } else {
        page.chars().nth(usize::from(byte) - 128)
    }
}

fn in_page(page: &str, c: char) -> Option<u8> {
    let position = |first: usize| page.chars().position(|other| other == c).and_then(|i| u8::try_from(i + first).ok());
    if page.chars().nth(128).is_some() {
        position(0)
    } else if c.is_ascii() {
        u8::try_from(c).ok()
    } else {
        position(128)
    }
}

const fn charset(name: &'static str, aliases: &'static [&'static str], codec: Codec) -> Charset {
    Charset { name, aliases, codec }
}

use Codec::{Page, Web, Windows};

#[rustfmt::skip]
static CHARSETS: &[Charset] = &[
    charset("UTF-8", &["csUTF8"], Codec::Utf8),
    charset("UTF-16", &["csUTF16"], Codec::Utf16WithMark),
    charset("UTF-16BE", &["csUTF16BE"], Codec::Utf16 { little: false }),
    charset("UTF-16LE", &["csUTF16LE"], Codec::Utf16 { little: true }),
    charset("US-ASCII", &["iso-ir-6", "ANSI_X3.4-1968", "ANSI_X3.4-1986", "ISO_646.irv:1991", "ISO646-US", "us", "IBM367", "cp367", "csASCII"], Codec::Ascii),
    charset("ISO_8859-1:1987", &["iso-ir-100", "ISO_8859-1", "ISO-8859-1", "latin1", "l1", "IBM819", "CP819", "csISOLatin1"], Codec::Latin1),
    charset("ISO_8859-2:1987", &["iso-ir-101", "ISO_8859-2", "ISO-8859-2", "latin2", "l2", "csISOLatin2"], Windows(encoding_rs::ISO_8859_2)),
    charset("ISO_8859-3:1988", &["iso-ir-109", "ISO_8859-3", "ISO-8859-3", "latin3", "l3", "csISOLatin3"], Windows(encoding_rs::ISO_8859_3)),
    charset("ISO_8859-4:1988", &["iso-ir-110", "ISO_8859-4", "ISO-8859-4", "latin4", "l4", "csISOLatin4"], Windows(encoding_rs::ISO_8859_4)),
    charset("ISO_8859-5:1988", &["iso-ir-144", "ISO_8859-5", "ISO-8859-5", "cyrillic", "csISOLatinCyrillic"], Windows(encoding_rs::ISO_8859_5)),
    charset("ISO_8859-6:1987", &["iso-ir-127", "ISO_8859-6", "ISO-8859-6", "ECMA-114", "ASMO-708", "arabic", "csISOLatinArabic"], Windows(encoding_rs::ISO_8859_6)),
    charset("ISO_8859-7:1987", &["iso-ir-126", "ISO_8859-7", "ISO-8859-7", "ELOT_928", "ECMA-118", "greek", "greek8", "csISOLatinGreek"], Windows(encoding_rs::ISO_8859_7)),
    charset("ISO_8859-8:1988", &["iso-ir-138", "ISO_8859-8", "ISO-8859-8", "hebrew", "csISOLatinHebrew"], Windows(encoding_rs::ISO_8859_8)),
    charset("ISO_8859-9:1989", &["iso-ir-148", "ISO_8859-9", "ISO-8859-9", "latin5", "l5", "csISOLatin5"], Page(code_pages::LATIN_5)),
    charset("ISO-8859-10", &["iso-ir-157", "l6", "ISO_8859-10:1992", "csISOLatin6", "latin6"], Windows(encoding_rs::ISO_8859_10)),
    charset("ISO_8859-6-E", &["csISO88596E", "ISO-8859-6-E"], Windows(encoding_rs::ISO_8859_6)),
    charset("ISO_8859-6-I", &["csISO88596I", "ISO-8859-6-I"], Windows(encoding_rs::ISO_8859_6)),
    charset("ISO_8859-8-E", &["csISO88598E", "ISO-8859-8-E"], Windows(encoding_rs::ISO_8859_8)),
    charset("ISO_8859-8-I", &["csISO88598I", "ISO-8859-8-I"], Windows(encoding_rs::ISO_8859_8_I)),
    charset("ISO-8859-13", &["csISO885913"], Windows(encoding_rs::ISO_8859_13)),
    charset("ISO-8859-14", &["iso-ir-199", "ISO_8859-14:1998", "ISO_8859-14", "latin8", "iso-celtic", "l8", "csISO885914"], Windows(encoding_rs::ISO_8859_14)),
    charset("ISO-8859-15", &["ISO_8859-15", "Latin-9", "csISO885915"], Windows(encoding_rs::ISO_8859_15)),
    charset("ISO-8859-16", &["iso-ir-226", "ISO_8859-16:2001", "ISO_8859-16", "latin10", "l10", "csISO885916"], Windows(encoding_rs::ISO_8859_16)),
    charset("Shift_JIS", &["MS_Kanji", "csShiftJIS"], Web(encoding_rs::SHIFT_JIS)),
    charset("Extended_UNIX_Code_Packed_Format_for_Japanese", &["csEUCPkdFmtJapanese", "EUC-JP"], Web(encoding_rs::EUC_JP)),
    charset("ISO-2022-JP", &["csISO2022JP"], Web(encoding_rs::ISO_2022_JP)),
    charset("EUC-KR", &["csEUCKR"], Web(encoding_rs::EUC_KR)),
    charset("GBK", &["CP936", "MS936", "windows-936", "csGBK"], Web(encoding_rs::GBK)),
    charset("HZ-GB-2312", &[], Codec::Hz),
    charset("GB18030", &["csGB18030"], Web(encoding_rs::GB18030)),
    charset("Big5", &["csBig5"], Web(encoding_rs::BIG5)),
    charset("KOI8-R", &["csKOI8R"], Web(encoding_rs::KOI8_R)),
    charset("KOI8-U", &["csKOI8U"], Web(encoding_rs::KOI8_U)),
    charset("macintosh", &["mac", "csMacintosh"], Web(encoding_rs::MACINTOSH)),
    charset("windows-874", &["cswindows874"], Windows(encoding_rs::WINDOWS_874)),
    charset("windows-1250", &["cswindows1250"], Windows(encoding_rs::WINDOWS_1250)),
    charset("windows-1251", &["cswindows1251"], Windows(encoding_rs::WINDOWS_1251)),
    charset("windows-1252", &["cswindows1252"], Windows(encoding_rs::WINDOWS_1252)),
    charset("windows-1253", &["cswindows1253"], Windows(encoding_rs::WINDOWS_1253)),
    charset("windows-1254", &["cswindows1254"], Windows(encoding_rs::WINDOWS_1254)),
    charset("windows-1255", &["cswindows1255"], Windows(encoding_rs::WINDOWS_1255)),
    charset("windows-1256", &["cswindows1256"], Windows(encoding_rs::WINDOWS_1256)),
    charset("windows-1257", &["cswindows1257"], Windows(encoding_rs::WINDOWS_1257)),
    charset("windows-1258", &["cswindows1258"], Windows(encoding_rs::WINDOWS_1258)),
    charset("IBM866", &["cp866", "866", "csIBM866"], Web(encoding_rs::IBM866)),
    charset("IBM037", &["cp037", "ebcdic-cp-us", "ebcdic-cp-ca", "ebcdic-cp-wt", "ebcdic-cp-nl", "csIBM037"], Page(code_pages::IBM037)),
    charset("IBM1047", &["IBM-1047", "csIBM1047"], Page(code_pages::IBM1047)),
    charset("IBM01140", &["CCSID01140", "CP01140", "ebcdic-us-37+euro", "csIBM01140"], Page(code_pages::IBM01140)),
    charset("IBM437", &["cp437", "437", "csPC8CodePage437"], Page(code_pages::IBM437)),
    charset("IBM850", &["cp850", "850", "csPC850Multilingual"], Page(code_pages::IBM850)),
    charset("IBM852", &["cp852", "852", "csPCp852"], Page(code_pages::IBM852)),
    charset("IBM855", &["cp855", "855", "csIBM855"], Page(code_pages::IBM855)),
    charset("IBM00858", &["CCSID00858", "CP00858", "PC-Multilingual-850+euro", "csIBM00858"], Page(code_pages::IBM00858)),
    charset("IBM860", &["cp860", "860", "csIBM860"], Page(code_pages::IBM860)),
    charset("IBM862", &["cp862", "862", "csPC862LatinHebrew"], Page(code_pages::IBM862)),
    charset("IBM863", &["cp863", "863", "csIBM863"], Page(code_pages::IBM863)),
    charset("IBM865", &["cp865", "865", "csIBM865"], Page(code_pages::IBM865)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_byte_comes_back_as_the_same_text() {
        for charset in CHARSETS {
            for byte in 0..=255u8 {
                if let Some(text) = charset.decode(&[byte]) {
                    let back = charset.encode(&text).and_then(|bytes| charset.decode(&bytes));
                    assert_eq!(back.as_ref(), Some(&text), "{} {byte:#x}", charset.name);
                }
            }
        }
    }

    #[test]
    fn seven_bits_of_chinese() {
        let hz = lookup("hz-gb-2312").expect("it exists");
        for (text, bytes) in [("a\u{4e2d}\u{6587}b~", &b"a~{VPND~}b~~"[..]), ("\u{e9}", b"~{(&"), ("~\\", b"~~\\")] {
            assert_eq!(hz.encode(text).as_deref(), Some(bytes), "{text}");
            assert_eq!(hz.decode(bytes).as_deref(), Some(text));
        }
        assert_eq!(hz.encode("\u{1f44d}"), None);
        assert_eq!((hz.decode(b"~x"), hz.decode(b"~{V")), (None, None));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<String> =
            CHARSETS.iter().flat_map(|c| c.aliases.iter().chain([&c.name])).map(|n| n.to_lowercase()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn tables_are_whole() {
        for charset in CHARSETS {
            if let Page(page) = charset.codec {
                assert!([128, 256].contains(&page.chars().count()), "{}", charset.name);
            }
        }
    }
}
