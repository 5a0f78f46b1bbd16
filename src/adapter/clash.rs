//! Places of one request that cannot both be filled: what is put later would take the earlier value away, or double it.

use super::manifest::{FilterKey, FilterTarget, FilterWire, ListForm};
use super::place::{Destination, JsonPath, Step};
use std::borrow::Cow;

impl Destination {
    /// Whether this place is the other one, holds it, or stands in it. In a `form` the members of a body are parameters.
    pub fn clashes(&self, other: &Self, form: bool) -> bool {
        match (self.member(form), other.member(form)) {
            (Some(one), Some(other)) => one.meets(&other),
            _ => self == other,
        }
    }

    /// The member of the body that this is.
    fn member(&self, form: bool) -> Option<Cow<'_, JsonPath>> {
        match self {
            Self::Body(path) => Some(Cow::Borrowed(path)),
            Self::Form(name) if form => {
                let names = name.split('[').map(|part| part.trim_end_matches(']'));
                Some(Cow::Owned(JsonPath::of_keys(names)))
            }
            _ => None,
        }
    }
}

impl JsonPath {
    /// Whether one path leads to the other's place or beyond it. An element by its number may be one that is chosen by a
    /// member.
    pub fn meets(&self, other: &Self) -> bool {
        let both = self.steps().iter().zip(other.steps());
        both.into_iter().all(|(one, other)| match (one, other) {
            (Step::Key(one), Step::Key(other)) => one == other,
            (Step::Key(key), Step::Select { .. }) | (Step::Select { .. }, Step::Key(key)) => {
                key.parse::<usize>().is_ok()
            }
            (one, other) => one == other,
        })
    }
}

impl FilterWire {
    /// The place that a filter fills by itself.
    pub fn place(&self, key: FilterKey) -> Option<Cow<'_, Destination>> {
        let FilterTarget::Send(to) = &self.to else {
            return None;
        };
        let named = |name: &str| format!("{name}[]").into();
        Some(match to {
            Destination::Query(name) if self.list == ListForm::Brackets && self.sends_list(key) => {
                Cow::Owned(Destination::Query(named(name)))
            }
            Destination::Form(name) if self.list == ListForm::Brackets && self.sends_list(key) => {
                Cow::Owned(Destination::Form(named(name)))
            }
            to => Cow::Borrowed(to),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;
    use rstest::rstest;

    #[rstest]
    #[case("query:q", "query:q", true)]
    #[case("query:q", "query:r", false)]
    #[case("query:q", "form:q", false)]
    #[case("header:X-A", "header:x-a", true)]
    #[case("body:/f", "body:/f", true)]
    #[case("body:/f", "body:/f/0/q", true)]
    #[case("body:/f/0/q", "body:/f", true)]
    #[case("body:/f/0", "body:/f/1", false)]
    #[case("body:/f/a", "body:/f/b", false)]
    #[case("body:/f", "body:/fa", false)]
    #[case("body:", "body:/f", true)]
    #[case("body:/f/{k=a}/v", "body:/f/{k=b}/v", false)]
    #[case("body:/f/{k=a}", "body:/f/0", true)]
    #[case("body:/f/{k=a}", "body:/f/b", false)]
    fn places_clash_where_one_value_would_take_the_other_away(
        #[case] one: &str,
        #[case] other: &str,
        #[case] clash: bool,
    ) {
        let place = |text: &str| Destination::parse(text).unwrap();
        assert_eq!(place(one).clashes(&place(other), false), clash);
        assert_eq!(place(other).clashes(&place(one), false), clash);
    }

    #[rstest]
    #[case("form:a[b]", "body:/a/b", true)]
    #[case("form:a[b]", "body:/a", true)]
    #[case("form:a[b]", "form:a[c]", false)]
    #[case("form:a", "query:a", false)]
    fn a_forms_names_are_its_members(#[case] one: &str, #[case] other: &str, #[case] clash: bool) {
        let place = |text: &str| Destination::parse(text).unwrap();
        assert_eq!(place(one).clashes(&place(other), true), clash);
    }
}
