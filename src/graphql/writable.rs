//! The types that an input field can have, and the value that each of them is to a source.

use super::code::ErrorCode;
use super::id;
use crate::model::{CustomerStatus, CustomerTier, CustomerType, Date, FieldValue, Gender};
use crate::source::{SourceEntry, Sources};
use async_graphql::{ID, InputObject, Json};

/// A phone number to write.
#[derive(InputObject, Clone, Debug)]
pub struct PhoneNumberInput {
    /// The number.
    pub number: String,
    /// The international calling code, in CRMs that take it apart from the number.
    pub calling_code: Option<String>,
}

/// What is said about an id that names no customer.
pub(super) const NO_CUSTOMER: &str =
    "this is no customer's id of this gateway, or its source is not configured";

/// What is wrong with a value.
pub(super) type Flaw = (ErrorCode, &'static str);

/// A type that an input field can have.
pub(super) trait Writable {
    /// Its value, or what is wrong with it.
    fn value(&self, entry: &SourceEntry, sources: &Sources) -> Result<FieldValue, Flaw>;
}

/// What is said about UNKNOWN in an input.
const UNKNOWN: Flaw = (
    ErrorCode::InvalidInput,
    "UNKNOWN is what the gateway says of words it does not know; it cannot be written",
);

/// What is said about a calling code that is none.
const CALLING_CODE: Flaw = (
    ErrorCode::InvalidInput,
    "a calling code is one to four digits",
);

/// What is said about a tag that says nothing.
pub(super) const EMPTY_TAG: &str = "a tag must not be empty";

/// Declares how plain types become values.
macro_rules! writable {
    ($($type:ty, $this:ident => $value:expr;)+) => {
        $(impl Writable for $type {
            fn value(&self, _: &SourceEntry, _: &Sources) -> Result<FieldValue, Flaw> {
                let $this = self;
                $value
            }
        })+
    };
}

writable! {
    String, text => Ok(FieldValue::Text(text.clone()));
    bool, value => Ok(FieldValue::Bool(*value));
    Vec<String>, texts => if texts.iter().any(String::is_empty) { Err((ErrorCode::InvalidInput, EMPTY_TAG)) } else { Ok(FieldValue::Texts(texts.clone())) };
    Date, date => Ok(FieldValue::Date(*date));
    Json<serde_json::Value>, json => Ok(FieldValue::Json(json.0.clone()));
    CustomerType, word => if *word == CustomerType::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Type(*word)) };
    CustomerTier, word => if *word == CustomerTier::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Tier(*word)) };
    CustomerStatus, word => if *word == CustomerStatus::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Status(*word)) };
    Gender, word => if *word == Gender::Unknown { Err(UNKNOWN) } else { Ok(FieldValue::Gender(*word)) };
    PhoneNumberInput, phone => phone.checked();
}

impl PhoneNumberInput {
    fn checked(&self) -> Result<FieldValue, Flaw> {
        let calling_code = self
            .calling_code
            .as_deref()
            .map(|code| code.trim_start_matches('+').to_owned());
        let is_code = |code: &String| {
            (1..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
        };
        match calling_code {
            Some(code) if !is_code(&code) => Err(CALLING_CODE),
            calling_code => Ok(FieldValue::Phone {
                number: self.number.clone(),
                calling_code,
            }),
        }
    }
}

impl Writable for ID {
    fn value(&self, entry: &SourceEntry, sources: &Sources) -> Result<FieldValue, Flaw> {
        match id::customer(sources, self) {
            Ok((of, id)) if of.rank == entry.rank => Ok(FieldValue::Id(id)),
            Ok(_) => Err((
                ErrorCode::InvalidInput,
                "a customer can only belong to a customer of the same source",
            )),
            Err(_) => Err((ErrorCode::InvalidId, NO_CUSTOMER)),
        }
    }
}
