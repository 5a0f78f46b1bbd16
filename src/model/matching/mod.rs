//! Whether one customer satisfies a filter, decided by the gateway itself.
//!
//! This is the meaning of every part of [`Filter`]. It knows nothing of where a record came from; whether a record is
//! deleted is said by its source, so [`Filter::deleted`] is not looked at here.

use super::{
    Customer, CustomerStatus, CustomerTier, CustomerType, DateTime, FieldProblem, Filter, Gender,
    IntRange, PhoneNumber, TimeRange,
};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use jiff::SignedDuration;

/// Hours that a moment may be read wrong by, where nobody says its zone.
const ZONES: i64 = 24;

/// How long after a change a CRM may still find a customer by what was there before it.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(1);

/// The most digits that are dialled before a number within its country, and left out behind a code: `0`, `8`, `06`.
const TRUNK_DIGITS: usize = 2;

impl Filter {
    /// Whether every given part holds for this customer. `today` decides ages.
    pub fn matches(&self, customer: &Customer, today: jiff::civil::Date) -> bool {
        self.matches_identity(customer)
            && self.matches_words(customer)
            && self.matches_times(customer, today)
    }

    /// Whether the customer shows a value that the filter leaves out. What it does not show, or shows in an unknown word, proves
    /// nothing; neither do texts and times, which CRMs compare in ways of their own.
    pub fn is_contradicted_by(&self, customer: &Customer) -> bool {
        !given(&self.ids, |ids| ids.contains(&customer.id))
            || !given(&self.owner_id, |id| {
                let owner = customer.owner.as_ref();
                owner.is_none_or(|owner| *owner.id == **id)
            })
            || !given(&self.parent_id, |id| {
                customer
                    .parent_id
                    .as_ref()
                    .is_none_or(|parent| parent == id)
            })
            || !given(&self.operator_id, |id| {
                let operator = customer.operator_id.as_ref();
                operator.is_none_or(|operator| operator == id)
            })
            || !given(&self.tier, |any| {
                allows(any, customer.tier, CustomerTier::Unknown)
            })
            || !given(&self.status, |any| {
                allows(any, customer.status, CustomerStatus::Unknown)
            })
            || !given(&self.kind, |any| {
                allows(any, customer.kind, CustomerType::Unknown)
            })
            || !given(&self.gender, |any| {
                allows(any, customer.gender, Gender::Unknown)
            })
    }

    /// Whether the customer's times are out of the filter's by more than a day, so that no zone explains it. That a customer was
    /// changed after it was found, a short while before now, is nobody's fault.
    pub fn is_far_from(&self, customer: &Customer, now: DateTime) -> bool {
        !given(&self.created_at, |range| near(*range, customer.created_at))
            || !given(&self.updated_at, |range| {
                let later = customer.updated_at.and_then(|at| at.later(JUST_NOW));
                let lt = range.lt.filter(|_| later.is_some_and(|at| at < now));
                near(TimeRange { lt, ..*range }, customer.updated_at)
            })
    }

    /// The field that could not be read and decides whether every given part holds; `None` where what could be read decides it.
    pub fn undecided_by(
        &self,
        customer: &Customer,
        today: jiff::civil::Date,
    ) -> Option<FieldProblem> {
        if customer.problems.is_empty() {
            return None;
        }
        let mut rest = self.clone();
        let mut decides = None;
        for part in self.parts() {
            let mut problems = customer.problems.iter();
            let Some(problem) = problems.find(|problem| self.rests_on(part, problem, customer))
            else {
                continue;
            };
            let mut alone = Self::default();
            rest.move_part(part, &mut alone);
            // What could be read may be enough for it.
            if decides.is_none() && !alone.matches(customer, today) {
                decides = Some(*problem);
            }
        }
        decides.filter(|_| rest.matches(customer, today))
    }

    /// Whether a part of the filter looks at a field that could not be read.
    fn rests_on(&self, part: &str, problem: &FieldProblem, customer: &Customer) -> bool {
        let fields: &[&str] = match part {
            "search" => &[
                "name",
                "firstName",
                "lastName",
                "email",
                "company",
                "customerNumber",
                "externalId",
                "phone",
            ],
            "age" => &["birthDate"],
            part => &[part],
        };
        let is_looked_at = match (problem.part, &customer.phone, &self.phone) {
            (None, ..) => true,
            // Other digits than those asked for are others with any codes.
            (Some(_), Some(have), Some(asked)) => part == "phone" && may_end(asked, have),
            // The codes of a number that is not there make no number; other parts of fields are not asked about.
            (Some(_), ..) => false,
        };
        is_looked_at && fields.contains(&problem.field)
    }

    fn matches_identity(&self, customer: &Customer) -> bool {
        given(&self.ids, |ids| ids.contains(&customer.id))
            && given(&self.email, |email| {
                customer
                    .email
                    .as_deref()
                    .is_some_and(|have| folded(have.trim()) == folded(email.trim()))
            })
            && given(&self.phone, |phone| {
                customer
                    .phone
                    .as_ref()
                    .is_some_and(|have| same_phone(have, phone))
            })
            && given(&self.owner_id, |id| {
                customer
                    .owner
                    .as_ref()
                    .is_some_and(|owner| *owner.id == **id)
            })
            && given(&self.parent_id, |id| {
                customer.parent_id.as_ref() == Some(id)
            })
            && given(&self.operator_id, |id| {
                customer.operator_id.as_ref() == Some(id)
            })
    }

    fn matches_words(&self, customer: &Customer) -> bool {
        given(&self.search, |text| found(customer, text))
            && given(&self.tier, |any| {
                customer.tier.is_some_and(|have| any.contains(&have))
            })
            && given(&self.status, |any| {
                customer.status.is_some_and(|have| any.contains(&have))
            })
            && given(&self.kind, |any| {
                customer.kind.is_some_and(|have| any.contains(&have))
            })
            && given(&self.gender, |any| {
                customer.gender.is_some_and(|have| any.contains(&have))
            })
            && given(&self.tags, |all| {
                let have = customer.tags.as_deref().unwrap_or_default();
                all.iter().all(|tag| have.iter().any(|one| **one == **tag))
            })
    }

    fn matches_times(&self, customer: &Customer, today: jiff::civil::Date) -> bool {
        given(&self.age, |range| {
            age(customer, today).is_some_and(|years| within(*range, years))
        }) && given(&self.created_at, |range| {
            in_range(*range, customer.created_at)
        }) && given(&self.updated_at, |range| {
            in_range(*range, customer.updated_at)
        })
    }
}

/// Whether a word is among those asked for, or is no word that can be judged.
fn allows<T: Copy + PartialEq>(any: &[T], have: Option<T>, unknown: T) -> bool {
    have.is_none_or(|have| have == unknown || any.contains(&have))
}

/// A part that is not given always holds.
fn given<T>(part: &Option<T>, holds: impl FnOnce(&T) -> bool) -> bool {
    part.as_ref().is_none_or(holds)
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// The text is the customer's id, or every word of it stands somewhere in the names, addresses and numbers of the customer,
/// letter case and accents aside. A part of an id counts where it has a digit: many ids hold letters that look like a word.
fn found(customer: &Customer, text: &str) -> bool {
    if customer.id.as_str() == text.trim() {
        return true;
    }
    let phone = customer.phone.as_ref().map(|phone| &phone.number);
    let texts: Vec<String> = [
        &customer.name,
        &customer.first_name,
        &customer.last_name,
        &customer.email,
        &customer.company,
        &customer.customer_number,
        &customer.external_id,
    ]
    .into_iter()
    .filter_map(Option::as_ref)
    .chain(phone)
    .map(|have| bare_letters(have))
    .collect();
    let id = bare_letters(customer.id.as_str());
    let in_id = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit()) && id.contains(word);
    text.split_whitespace()
        .map(bare_letters)
        .all(|word| texts.iter().any(|have| have.contains(&word)) || in_id(&word))
}

/// The text in small letters without accents, as most searches compare it.
fn bare_letters(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let small = text.to_lowercase();
    let apart = DecomposingNormalizerBorrowed::new_nfkd().normalize(&small);
    let mut bare = String::with_capacity(apart.len());
    for letter in apart.chars() {
        match letter {
            // Marks upon the letter before them.
            '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' => {}
            'ß' => bare.push_str("ss"),
            'æ' => bare.push_str("ae"),
            'œ' => bare.push_str("oe"),
            'þ' => bare.push_str("th"),
            'ø' => bare.push('o'),
            'ł' => bare.push('l'),
            'đ' | 'ð' => bare.push('d'),
            'ı' => bare.push('i'),
            _ => bare.push(letter),
        }
    }
    // Syllables that were taken apart would match parts of others.
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&bare)
        .into_owned()
}

/// Digits compared. A number may be asked for with or without its calling code.
fn same_phone(have: &PhoneNumber, asked: &str) -> bool {
    let asked = digits(asked);
    if asked.is_empty() {
        return false;
    }
    let number = digits(&have.number);
    let with_code = have
        .calling_code
        .as_deref()
        .map(|code| digits(code) + &number);
    number == asked
        || with_code.as_ref() == Some(&asked)
        || have.to_e164().is_some_and(|full| digits(&full) == asked)
}

/// Whether the number with some code before it may be the one asked for. A code may stand in the place of what is dialled before a
/// number within its country.
fn may_end(asked: &str, have: &PhoneNumber) -> bool {
    let (asked, number) = (digits(asked), digits(&have.number));
    (0..=TRUNK_DIGITS)
        .filter_map(|trunk| number.get(trunk..))
        .any(|number| asked.ends_with(number))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn age(customer: &Customer, today: jiff::civil::Date) -> Option<i32> {
    let born = customer.birth_date?.0;
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = i32::from(today.year()) - i32::from(born.year()) - i32::from(!had_birthday);
    (years >= 0).then_some(years)
}

fn within(range: IntRange, value: i32) -> bool {
    range.gte.is_none_or(|least| value >= least) && range.lte.is_none_or(|most| value <= most)
}

fn in_range(range: TimeRange, value: Option<DateTime>) -> bool {
    if range == TimeRange::default() {
        return true;
    }
    value.is_some_and(|at| {
        range.gte.is_none_or(|least| at >= least) && range.lt.is_none_or(|end| at < end)
    })
}

/// Whether a moment is less than a day out of a range, or not known.
fn near(range: TimeRange, value: Option<DateTime>) -> bool {
    let by = |hours: i64| value.and_then(|at| at.later(SignedDuration::from_hours(hours)));
    let (late, early) = (by(ZONES), by(-ZONES));
    late.is_none_or(|late| range.gte.is_none_or(|least| late >= least))
        && early.is_none_or(|early| range.lt.is_none_or(|end| early < end))
}

#[cfg(test)]
mod tests;
