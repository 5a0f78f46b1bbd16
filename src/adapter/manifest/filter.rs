//! Filters and orders of list routes.

use crate::adapter::place::{Destination, JsonPath, Template, escaped};
use crate::model::{CustomerOrderField, OrderDirection};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Declares the filters an adapter may serve.
macro_rules! filter_keys {
    ($($variant:ident = $name:literal,)+) => {
        /// A part of a filter and its comparison.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names say it all; adapters/README.md explains them")]
        pub enum FilterKey { $($variant,)+ }

        impl FilterKey {
            /// Every filter with its word in adapter files.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($name, Self::$variant),)+];

            /// Its word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

filter_keys! {
    Search = "search",
    IdIn = "id:in",
    EmailEq = "email:eq",
    PhoneEq = "phone:eq",
    TierEq = "tier:eq",
    TierIn = "tier:in",
    StatusEq = "status:eq",
    StatusIn = "status:in",
    TypeEq = "type:eq",
    TypeIn = "type:in",
    GenderEq = "gender:eq",
    GenderIn = "gender:in",
    TagsAll = "tags:all",
    TagsIn = "tags:in",
    AgeGte = "age:gte",
    AgeLte = "age:lte",
    OwnerEq = "owner:eq",
    ParentEq = "parent:eq",
    OperatorEq = "operator:eq",
    DeletedExclude = "deleted:exclude",
    DeletedInclude = "deleted:include",
    DeletedOnly = "deleted:only",
    CreatedGte = "createdAt:gte",
    CreatedLt = "createdAt:lt",
    UpdatedGte = "updatedAt:gte",
    UpdatedLt = "updatedAt:lt",
}

impl FilterKey {
    /// The comparison.
    pub fn operator(self) -> &'static str {
        self.word()
            .split_once(':')
            .map_or("eq", |(_, operator)| operator)
    }

    /// What it is about: the word before the comparison.
    pub fn subject(self) -> &'static str {
        let word = self.word();
        word.split_once(':').map_or(word, |(subject, _)| subject)
    }

    /// The comparison, as `compose.ops` calls it.
    pub fn op(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::DeletedExclude | Self::DeletedInclude | Self::DeletedOnly => "eq",
            other => other.operator(),
        }
    }

    /// Whether it compares with a moment.
    pub fn takes_moment(self) -> bool {
        matches!(
            self,
            Self::CreatedGte | Self::CreatedLt | Self::UpdatedGte | Self::UpdatedLt
        )
    }

    /// Whether it compares with a list of values.
    pub fn takes_several(self) -> bool {
        matches!(self.operator(), "in" | "all")
    }
}

impl FilterWire {
    /// Whether the CRM may answer more than was asked for, so that the rows are checked again, whatever is asked.
    pub fn is_checked_again(&self, key: FilterKey) -> bool {
        self.residual || self.widen.is_some() || key == FilterKey::TagsIn
    }

    /// Whether its values are sent as a list.
    pub fn sends_list(&self, key: FilterKey) -> bool {
        self.listed || key.takes_several()
    }
}

/// How a filter is sent.
#[derive(Clone, Debug)]
pub struct FilterWire {
    /// Where to, or by which name inside the composed filter.
    pub to: FilterTarget,
    /// A constant to send instead of the value.
    pub value: Option<Value>,
    /// The file says how several values are sent: a single one is a list of one.
    pub listed: bool,
    /// The word list to translate with.
    pub words: Option<String>,
    /// The wire format of times, or of ids.
    pub format: Option<WireFormat>,
    /// How several values are sent.
    pub list: ListForm,
    /// The shape of one element of a JSON list, or of a single value.
    pub each: Option<Value>,
    /// How its condition looks inside the composed filter, where that is another way.
    pub condition: Option<Each>,
    /// How its value is quoted inside an expression, where that is another way.
    pub quote: Option<Quote>,
    /// How much more to ask for.
    pub widen: Option<Duration>,
    /// The CRM may answer more than asked.
    pub residual: bool,
    /// The longest text, in characters.
    pub max_length: Option<usize>,
    /// The most values.
    pub max: Option<usize>,
}

/// Where a filter's value goes.
#[derive(Clone, Debug)]
pub enum FilterTarget {
    /// A place of its own.
    Send(Destination),
    /// A condition of the composed filter.
    Field(String),
}

/// How several values are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// `a,b`.
    Csv,
    /// The parameter repeated.
    Repeat,
    /// The parameter repeated, with `[]` behind its name.
    Brackets,
    /// A JSON array.
    Json,
}

/// A wire format of times, numbers or ids.
#[derive(Clone, Debug, PartialEq)]
pub enum WireFormat {
    /// RFC 3339.
    Rfc3339,
    /// A day.
    Date,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// Seconds since 1970 with decimals.
    EpochFloat,
    /// A pattern of its own, and the offset it is in.
    Pattern(String, jiff::tz::Offset),
    /// A whole number.
    Int,
    /// A text, where the records have a number.
    Text,
}

/// How filters make one expression.
#[derive(Clone, Debug)]
pub struct Compose {
    /// Where it goes.
    pub into: Destination,
    /// How one condition looks.
    pub each: Each,
    /// Our operators and the vendor's.
    pub ops: BTreeMap<String, String>,
    /// How a condition with several values looks, in text.
    pub each_in: Option<Template>,
    /// What stands between the equal conditions that several values make, in text.
    pub or: Option<String>,
    /// What stands between two conditions, in text.
    pub join: String,
    /// How values are quoted, in text.
    pub quote: Quote,
    /// The whole text, with `{filter}` and `{sort}`.
    pub template: Option<Template>,
    /// What stands before the filter, where there is one.
    pub filter_prefix: String,
    /// What stands before the sort, where there is one.
    pub sort_prefix: String,
    /// The most conditions.
    pub max: Option<usize>,
}

impl Compose {
    /// Whether the whole text holds the order too.
    pub fn holds_sort(&self) -> bool {
        let mut templates = self.template.iter();
        templates.any(|template| template.holes().any(|hole| hole == "sort"))
    }

    /// How the condition of a filter looks.
    pub fn each_of<'c>(&'c self, wire: &'c FilterWire) -> &'c Each {
        wire.condition.as_ref().unwrap_or(&self.each)
    }

    /// The text whose `{op}` is the operator of a filter with several values; `None` where such values are said one by one.
    pub fn several<'c>(&'c self, wire: &'c FilterWire) -> Option<&'c Template> {
        match (&wire.condition, &self.or, &self.each_in) {
            (_, Some(_), _) => None,
            (Some(Each::Text(own)), ..) => Some(own),
            (None, None, Some(each_in)) => Some(each_in),
            _ => match &self.each {
                Each::Text(each) => Some(each),
                _ => None,
            },
        }
    }

    /// Whether each of several values that must all be there has a condition of its own: where the filter's own condition names
    /// no operator and takes no list.
    pub fn says_each(&self, key: FilterKey, wire: &FilterWire) -> bool {
        let lists = match &wire.condition {
            Some(Each::Element(shape) | Each::Nested(shape)) => mentions(shape, "$values"),
            Some(Each::Text(_)) => false,
            None => return false,
        };
        key.operator() == "all" && !lists && self.op_needed(key, wire).is_none()
    }

    /// The operator that the condition of a filter needs; `None` where it holds none.
    pub fn op_needed(&self, key: FilterKey, wire: &FilterWire) -> Option<&'static str> {
        let holds = |text: &Template| text.holes().any(|hole| hole == "op");
        match self.each_of(wire) {
            Each::Text(each) if key.operator() == "in" => match self.several(wire) {
                Some(several) => holds(several).then_some("in"),
                None => holds(each).then_some("eq"),
            },
            Each::Text(each) => holds(each).then(|| key.op()),
            Each::Element(shape) | Each::Nested(shape) => mentions(shape, "$op").then(|| key.op()),
        }
    }
}

/// Whether a shape has this text somewhere.
pub fn mentions(shape: &Value, word: &str) -> bool {
    match shape {
        Value::String(text) => text == word,
        Value::Array(items) => items.iter().any(|item| mentions(item, word)),
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| key == word || mentions(value, word)),
        _ => false,
    }
}

/// How one condition looks.
#[derive(Clone, Debug)]
pub enum Each {
    /// Text with `{field}`, `{op}`, `{value}`.
    Text(Template),
    /// An element of an array.
    Element(Value),
    /// Members merged into one object.
    Nested(Value),
}

/// How a value is quoted inside an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Not at all: words and numbers only.
    None,
    /// `'it''s'`.
    SingleDoubled,
    /// `'it\'s'`.
    SingleBackslash,
    /// `"say \"it\""`, as JSON.
    DoubleJson,
    /// Parentheses, commas and backslashes escaped by a backslash.
    ParensBackslash,
}

/// How a list sorts.
#[derive(Clone, Debug)]
pub struct Sort {
    /// How it is said.
    pub style: SortStyle,
    /// The word for ascending, or its number.
    pub asc: Value,
    /// The word for descending, or its number.
    pub desc: Value,
    /// Our order fields and the vendor's.
    pub by: BTreeMap<CustomerOrderField, String>,
    /// The order field without ties.
    pub unique: Option<CustomerOrderField>,
    /// Whether every order's ties are broken by a unique key.
    pub ties_unique: bool,
    /// Sent when nobody asks for an order.
    pub default: Option<(CustomerOrderField, OrderDirection)>,
}

/// How a sort is said.
#[derive(Clone, Debug)]
pub enum SortStyle {
    /// Field and direction apart.
    Pair {
        /// Where the field goes.
        field: Destination,
        /// Where the direction goes.
        direction: Destination,
    },
    /// `-field` for descending.
    Signed(Destination),
    /// The direction behind the field.
    Suffix(Destination),
    /// The field is part of the place's name.
    Keyed(KeyedPlace),
    /// An array in the body with one element.
    Body {
        /// The array.
        to: JsonPath,
        /// One element.
        each: Value,
    },
}

/// A place that a field names: a query parameter or a member of the body, with `{field}`.
#[derive(Clone, Debug)]
pub struct KeyedPlace {
    /// Whether it is a member of the body.
    pub in_body: bool,
    /// Its name, or its pointer.
    pub name: Template,
}

impl KeyedPlace {
    /// The place for one field.
    pub fn place(&self, field: &str) -> Option<Destination> {
        let fill = |field: &str| self.name.fill(|hole| (hole == "field").then_some(field));
        if self.in_body {
            JsonPath::parse(&fill(&escaped(field))?)
                .ok()
                .map(Destination::Body)
        } else {
            Some(Destination::Query(fill(field)?.into()))
        }
    }
}
