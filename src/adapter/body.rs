//! What an answer's body is rid of before it is read, so that one odd thing in it does not cost the whole answer.

use bytes::{Buf, Bytes};

/// The escape of U+FFFD, which stands for what cannot be read.
const UNREADABLE: &[u8] = br"\ufffd";

/// The body without a byte order mark, which is no part of a JSON text though some servers send one (RFC 8259, section 8.1),
/// and with U+FFFD for what is no text in it: bytes that are not UTF-8, and each escaped half of a character that has no other
/// half. A CRM that cuts a text in the middle of an emoji, or keeps an old one in another encoding, has still sent a page of
/// customers, and has still done what it says it did.
pub(super) fn mended(mut body: Bytes) -> Bytes {
    if body.starts_with(b"\xef\xbb\xbf") {
        body.advance(3);
    }
    // Told first, in a fraction of the time that a look for what could be replaced takes.
    if std::str::from_utf8(&body).is_err() {
        body = String::from_utf8_lossy(&body).into_owned().into();
    }
    match without_halves(&body) {
        Some(whole) => whole.into(),
        None => body,
    }
}

/// The text with every lone half replaced; `None` where there is none.
fn without_halves(text: &[u8]) -> Option<Vec<u8>> {
    let mut whole: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', text.get(at..).unwrap_or_default()) {
        let begin = at + found;
        let after = text.get(begin + 6..).unwrap_or_default();
        at = begin
            + match (unit(text.get(begin..)?), unit(after)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
                (Some(0xD800..=0xDFFF), _) => {
                    let whole = whole.get_or_insert_default();
                    whole.extend_from_slice(text.get(copied..begin)?);
                    whole.extend_from_slice(UNREADABLE);
                    copied = begin + 6;
                    6
                }
                (Some(_), _) => 6,
                (None, _) => 2,
            };
    }
    let mut whole = whole?;
    whole.extend_from_slice(text.get(copied..)?);
    Some(whole)
}

/// The UTF-16 unit that an escape at the beginning of a text stands for.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::mended;
    use bytes::Bytes;
    use rstest::rstest;

    #[rstest]
    #[case(r#""Zo\ud83d""#, "Zo\u{fffd}")]
    #[case(r#""\ude00\\ud83d\n""#, "\u{fffd}\\ud83d\n")]
    #[case(r#""\uD83Dx\ud83d\uDE00""#, "\u{fffd}x😀")]
    #[case(r#""\ud83d\ud83d\ude00é""#, "\u{fffd}😀é")]
    #[case("\u{feff}\"\\u00e9\"", "é")]
    fn half_a_character_costs_itself_and_nothing_else(#[case] sent: &str, #[case] read: &str) {
        let body = mended(Bytes::copy_from_slice(sent.as_bytes()));
        assert_eq!(serde_json::from_slice::<String>(&body).unwrap(), read);
    }

    #[rstest]
    #[case(b"\"Zo\xeb\"", "Zo\u{fffd}")]
    #[case(b"\"\xc3\"", "\u{fffd}")]
    #[case(b"\"\xff\\u00e9\xc3\xa9\\ud83d\"", "\u{fffd}\u{e9}\u{e9}\u{fffd}")]
    fn a_byte_that_is_no_text_costs_itself_and_nothing_else(
        #[case] sent: &'static [u8],
        #[case] read: &str,
    ) {
        let body = mended(Bytes::from_static(sent));
        assert_eq!(serde_json::from_slice::<String>(&body).unwrap(), read);
    }

    #[rstest]
    #[case(b"")]
    #[case(b"\\")]
    #[case(b"\"\\u12")]
    #[case(b"\"\\u+123\"")]
    #[case(b"{\"a\":\"\\\\ud83d\"}")]
    fn anything_else_stays_as_it_is(#[case] sent: &'static [u8]) {
        assert_eq!(mended(Bytes::from_static(sent)), sent);
    }
}
