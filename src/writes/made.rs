//! Which customers the creates of this process made, so that none of them counts as the work of two.
//!
//! It is what a look must leave aside: what another create was answered with, and what one may make that is still under way.

use crate::model::{FieldValue, LocalId, WriteField};
use icu_normalizer::ComposingNormalizerBorrowed;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many customers are remembered; the oldest are forgotten first. A look comes within seconds, or finds the others in the
/// ledger.
const MOST: usize = 10_000;

/// The name of a write.
pub(super) type Name = [u8; 32];
/// A customer: its source and its id there.
type Made = (Box<str>, LocalId);

/// Who made which customer, and who is about to make one.
#[derive(Default)]
pub(super) struct Makers(Mutex<Known>);

#[derive(Default)]
struct Known {
    makers: HashMap<Made, Name>,
    /// The same, the oldest first.
    order: VecDeque<Made>,
    under_way: HashMap<Name, Making>,
}

struct Making {
    source: Box<str>,
    marks: Marks,
}

/// What tells a new customer from others: its e-mail address, its phone number and its id elsewhere, as they are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Marks {
    email: Option<String>,
    phone: Option<String>,
    external_id: Option<String>,
}

impl Marks {
    /// The marks among the values of a create.
    pub(super) fn of(fields: &[(WriteField, FieldValue)]) -> Self {
        let mut marks = Self::default();
        for (field, value) in fields {
            match (field, value) {
                (WriteField::Email, FieldValue::Text(text)) => marks.email = Some(folded(text)),
                (WriteField::ExternalId, FieldValue::Text(text)) => {
                    marks.external_id = Some(folded(text));
                }
                (WriteField::Phone, FieldValue::Phone { number, .. }) => {
                    marks.phone = Some(digits(number));
                }
                _ => {}
            }
        }
        marks
    }

    /// Whether what is made with the other marks may be taken for what has these.
    fn may_be(&self, other: &Self) -> bool {
        let like = |own: &Option<String>, other: &Option<String>| {
            own.is_none() || other.is_none() || own == other
        };
        let phones = match (&self.phone, &other.phone) {
            (Some(own), Some(other)) => own.ends_with(&**other) || other.ends_with(&**own),
            _ => true,
        };
        like(&self.email, &other.email) && like(&self.external_id, &other.external_id) && phones
    }
}

/// A text as it is compared: its words in lower case, whether an accent is part of its letter or stands behind it.
pub(super) fn folded(text: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let words: Vec<&str> = composed.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The digits of a number.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// A create that is under way. It is over when this is dropped.
pub(super) struct UnderWay<'m> {
    makers: &'m Makers,
    name: Name,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.makers.known().under_way.remove(&self.name);
    }
}

impl Makers {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a create begins.
    pub(super) fn begin(&self, source: &str, marks: Marks, name: Name) -> UnderWay<'_> {
        let source = source.into();
        let making = Making { source, marks };
        self.known().under_way.insert(name, making);
        UnderWay { makers: self, name }
    }

    /// Whether another create is under way that may make a customer with these marks.
    pub(super) fn another_may_make(&self, source: &str, marks: &Marks) -> bool {
        let known = self.known();
        let mut under_way = known.under_way.values();
        under_way.any(|other| *other.source == *source && marks.may_be(&other.marks))
    }

    /// Whether another write made the customer.
    pub(super) fn is_anothers(&self, source: &str, id: &LocalId, name: &Name) -> bool {
        let maker = self
            .known()
            .makers
            .get(&(source.into(), id.clone()))
            .copied();
        maker.is_some_and(|maker| maker != *name)
    }

    /// Notes who made a customer; `false` where another one did.
    pub(super) fn claim(&self, source: &str, id: &LocalId, name: Name) -> bool {
        let made: Made = (source.into(), id.clone());
        let mut known = self.known();
        if let Some(maker) = known.makers.get(&made) {
            return *maker == name;
        }
        if known.order.len() >= MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.makers.remove(&oldest);
        }
        known.makers.insert(made.clone(), name);
        known.order.push_back(made);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> LocalId {
        LocalId::new(number.to_string()).unwrap()
    }

    #[test]
    fn a_customer_is_the_work_of_one_write_and_the_oldest_are_forgotten() {
        let makers = Makers::default();
        assert!(makers.claim("a", &id(0), [1; 32]));
        assert!(makers.claim("a", &id(0), [1; 32]), "its own");
        assert!(!makers.claim("a", &id(0), [2; 32]));
        assert!(makers.claim("b", &id(0), [2; 32]), "another source");
        assert!(makers.is_anothers("a", &id(0), &[2; 32]));
        assert!(!makers.is_anothers("a", &id(1), &[2; 32]));
        for number in 1..=MOST {
            makers.claim("a", &id(number), [3; 32]);
        }
        assert!(!makers.is_anothers("a", &id(0), &[2; 32]));
        let known = makers.known();
        assert_eq!((known.makers.len(), known.order.len()), (MOST, MOST));
    }

    #[test]
    fn what_is_under_way_may_be_it_only_where_nothing_tells_them_apart() {
        let text = |field, text: &str| (field, FieldValue::Text(text.to_owned()));
        let phone = |number: &str| {
            let number = number.to_owned();
            let calling_code = None;
            (
                WriteField::Phone,
                FieldValue::Phone {
                    number,
                    calling_code,
                },
            )
        };
        let own = [text(WriteField::Email, "A@b.example"), phone("12 34")];
        let makers = Makers::default();
        for (other, rival) in [
            (vec![text(WriteField::Email, " a@B.example")], true),
            (vec![text(WriteField::Email, "c@b.example")], false),
            (vec![phone("+45 1234")], true),
            (vec![phone("99")], false),
            (vec![text(WriteField::FirstName, "Ann")], true),
        ] {
            let going = makers.begin("a", Marks::of(&other), [1; 32]);
            let marks = Marks::of(&own);
            assert_eq!(makers.another_may_make("a", &marks), rival, "{other:?}");
            assert!(!makers.another_may_make("b", &marks));
            drop(going);
            assert!(!makers.another_may_make("a", &marks));
        }
    }
}
