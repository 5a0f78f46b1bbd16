//! Phone numbers as Gormic takes them: what is one, which country it is in, and when two are the same.
//!
//! A number comes with a plus and everything, or as people dial it at home with the calling code beside it. Both
//! are kept as they came; only the comparison looks through the difference.

use super::people::PLACES;

/// The calling code of the organization's own country, for numbers that come without one.
const HOME: &str = "49";

/// The calling code and the country's letters of a number: as stated, else as its plus says, else the organization's.
/// The letters, or both, are empty where the country is not known.
pub(super) fn dialled(phone: &str, stated: Option<&str>) -> Option<(String, &'static str)> {
    let digits = digits_of(phone)?;
    let calling = match stated {
        Some(code) => code.strip_prefix('+').unwrap_or(code),
        None if phone.starts_with('+') => {
            let known = PLACES
                .iter()
                .find(|place| digits.starts_with(place.calling));
            known.map_or("", |place| place.calling)
        }
        None => HOME,
    };
    let digital = calling.len() <= 4 && calling.bytes().all(|byte| byte.is_ascii_digit());
    if !digital || (calling.is_empty() && stated.is_some()) {
        return None;
    }
    let place = PLACES.iter().find(|place| place.calling == calling);
    Some((calling.to_owned(), place.map_or("", |place| place.iso)))
}

/// The digits of a number, which has at least three, and otherwise only what people write between digits.
pub(super) fn digits_of(phone: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_digit() || "+-()./ ".contains(c);
    let digits = digits(phone);
    (digits.len() >= 3 && phone.chars().all(allowed)).then_some(digits)
}

/// Every digit that it takes to reach a number.
pub(super) fn line(phone: &str, calling: &str) -> String {
    if phone.starts_with('+') {
        return digits(phone);
    }
    format!("{calling}{}", digits(phone))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("+45 20 12 34 56", None, Some(("45", "DK")))]
    #[case("20123456", None, Some(("49", "DE")))]
    #[case("20123456", Some("+1"), Some(("1", "US")))]
    #[case("20123456", Some("999"), Some(("999", "")))]
    #[case("20123456", Some(""), None)]
    #[case("20123456", Some("4x"), None)]
    #[case("call me", None, None)]
    #[case("12", None, None)]
    fn a_number_has_a_country(
        #[case] phone: &str,
        #[case] stated: Option<&str>,
        #[case] expected: Option<(&str, &'static str)>,
    ) {
        let expected = expected.map(|(calling, iso)| (calling.to_owned(), iso));
        assert_eq!(dialled(phone, stated), expected);
    }

    #[test]
    fn spelling_does_not_make_a_number_another() {
        assert_eq!(line("(30) 123-45", "49"), line("+49 3012345", "1"));
    }
}
