//! Phone numbers in E.164 form, where what the CRM says is enough to know it.

use super::PhoneNumber;
use phonenumber::country;

impl PhoneNumber {
    /// The number in E.164 form; `None` where its country is not clear or the number is no valid one there.
    pub fn to_e164(&self) -> Option<String> {
        let country: Option<country::Id> = self
            .country_code
            .as_deref()
            .and_then(|code| code.parse().ok());
        let text = match (&self.calling_code, self.number.trim_start()) {
            (_, number) if number.starts_with('+') => number.to_owned(),
            (_, number) if number.starts_with("00") => format!("+{}", number.get(2..)?),
            (_, number) if country.is_some() => number.to_owned(),
            (Some(code), number) => format!("+{}{number}", code.trim_start_matches('+')),
            (None, _) => return None,
        };
        let parsed = phonenumber::parse(country, text).ok()?;
        phonenumber::is_valid(&parsed)
            .then(|| parsed.format().mode(phonenumber::Mode::E164).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(number: &str, country: Option<&str>, calling: Option<&str>) -> Option<String> {
        PhoneNumber {
            number: number.into(),
            country_code: country.map(Into::into),
            calling_code: calling.map(Into::into),
        }
        .to_e164()
    }

    #[test]
    fn a_number_is_international_only_where_its_country_is_known() {
        assert_eq!(
            e164("+45 32 12 34 56", None, None).as_deref(),
            Some("+4532123456")
        );
        assert_eq!(
            e164("0045 32123456", None, None).as_deref(),
            Some("+4532123456")
        );
        assert_eq!(
            e164("030 123456", Some("DE"), None).as_deref(),
            Some("+4930123456")
        );
        assert_eq!(
            e164("32123456", None, Some("45")).as_deref(),
            Some("+4532123456")
        );
        assert_eq!(e164("32123456", None, None), None);
        assert_eq!(
            e164("+1234567890", None, None),
            None,
            "the vendor's example is no valid number"
        );
        assert_eq!(e164("not a number", Some("DE"), Some("49")), None);
    }
}
