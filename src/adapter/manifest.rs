//! An adapter file, checked: the closed vocabulary as Rust types.
//!
//! `reader` makes one from a file, the engine makes requests from it. There is nothing in between: what stands here is
//! what the file says, with pointers and templates already parsed.

use super::place::{Destination, JsonPath, Pointer, Template};
use crate::model::{Assumption, CustomerOrderField, OrderDirection, WriteField};
use crate::source::{SourceErrorKind, TotalKind};
use http::{HeaderName, Method};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One CRM.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The adapter's id.
    pub id: String,
    /// The CRM's display name.
    pub name: String,
    /// What a configuration gives.
    pub vars: BTreeMap<String, Var>,
    /// Where the CRM is and how it is spoken to.
    pub http: Http,
    /// The list routes, in order of preference.
    pub lists: Vec<ListRoute>,
    /// One customer by id.
    pub get: Option<Get>,
    /// Several customers by id.
    pub get_many: Option<GetMany>,
    /// The write that makes a customer.
    pub create: Option<WriteRoute>,
    /// The write that changes one.
    pub update: Option<WriteRoute>,
    /// The write that deletes one.
    pub delete: Option<WriteRoute>,
    /// The fields, by name.
    pub fields: BTreeMap<&'static str, Field>,
    /// The vendor fields a write may carry.
    pub native: BTreeMap<String, NativeField>,
    /// The word lists.
    pub enums: BTreeMap<String, Words>,
    /// What refusals mean.
    pub errors: Errors,
    /// What the vendor's pages do not say.
    pub assumptions: Vec<Assumption>,
    /// Changes with the file's text.
    pub revision: u64,
}

/// A value the configuration gives.
#[derive(Clone, Debug, Default)]
pub struct Var {
    /// Used when the configuration says nothing.
    pub default: Option<String>,
    /// May be left out; what needs it is left out with it.
    pub optional: bool,
    /// Never stands in a configuration as plain text.
    pub secret: bool,
}

/// Where the CRM is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Http {
    /// What every path is put behind.
    pub base: Template,
    /// Ways to sign in; the first whose vars are all given is used.
    pub auth: Vec<AuthRule>,
    /// Constant headers.
    pub headers: Vec<(HeaderName, Template)>,
    /// Headers that are sent only when their vars are given.
    pub headers_if: Vec<(HeaderName, Template)>,
    /// Constant query parameters.
    pub query: Vec<(String, Template)>,
    /// What makes an answer a success.
    pub ok: Success,
    /// The CRM's own warnings.
    pub warnings: Option<Pointer>,
    /// Words that are routes and never ids.
    pub reserved_ids: Vec<String>,
    /// The CRM's limits and how it says them.
    pub limits: RateLimits,
}

/// A way to sign in.
#[derive(Clone, Debug)]
pub enum AuthRule {
    /// Nothing is sent.
    None,
    /// A header.
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value.
        value: Template,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        value: Template,
    },
    /// HTTP Basic.
    Basic {
        /// The user.
        user: Template,
        /// The password.
        pass: Template,
    },
    /// OAuth 2.0: a token from a token endpoint.
    OAuth(OAuthRule),
}

/// How an access token is got.
#[derive(Clone, Debug)]
pub struct OAuthRule {
    /// The token endpoint.
    pub token_url: Template,
    /// The client's id.
    pub client_id: Template,
    /// The client's secret.
    pub client_secret: Template,
    /// The first refresh token; `None` for the client-credentials grant.
    pub refresh_token: Option<Template>,
    /// The scope to ask for.
    pub scope: Option<Template>,
    /// Whether the client names itself by HTTP Basic instead of in the form.
    pub basic: bool,
    /// What stands before the token in the `Authorization` header.
    pub prefix: String,
}

/// What makes an answer a success, beyond its status.
#[derive(Clone, Debug, Default)]
pub struct Success {
    /// These statuses only; empty: every 2xx.
    pub status: Vec<u16>,
    /// This value must stand here.
    pub value: Option<(JsonPath, Value)>,
}

/// The CRM's limits and how it says them.
#[derive(Clone, Debug, Default)]
pub struct RateLimits {
    /// How many calls are left.
    pub remaining: Option<Pointer>,
    /// How many calls there are.
    pub limit: Option<Pointer>,
    /// When there will be more.
    pub reset: Option<Wait>,
    /// How long to wait.
    pub retry_after: Vec<Wait>,
    /// How many calls may be open at once.
    pub max_parallel: Option<u32>,
    /// How many calls may start in a second.
    pub max_rps: Option<u32>,
    /// Statuses that mean "too many calls".
    pub statuses: Vec<u16>,
}

/// A place where a wait is said, and its unit.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Where.
    pub at: Pointer,
    /// In which unit.
    pub unit: WaitUnit,
}

/// The unit of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitUnit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// A moment, in seconds since 1970.
    EpochSeconds,
    /// A moment, in milliseconds since 1970.
    EpochMilliseconds,
    /// A moment, as HTTP writes it.
    HttpDate,
}

/// The method, path and constants of a request.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path behind the base.
    pub path: Template,
    /// Constant query parameters.
    pub query: Vec<(String, Template)>,
    /// Constant headers.
    pub headers: Vec<(HeaderName, Template)>,
    /// Constant members of the body.
    pub put: Vec<(JsonPath, Value)>,
    /// Whether the body is a form instead of JSON.
    pub form: bool,
    /// What makes this route's answer a success; falls back to the adapter's.
    pub ok: Option<Success>,
}

/// A route that lists customers.
#[derive(Clone, Debug)]
pub struct ListRoute {
    /// The request.
    pub route: Route,
    /// The array of records.
    pub items: JsonPath,
    /// From an element to the record.
    pub unwrap: JsonPath,
    /// Whether an absent array means no rows.
    pub missing_is_empty: bool,
    /// Whether the order is promised when no sort is sent.
    pub stable_order: bool,
    /// Which rows are deleted.
    pub gone: Option<Gone>,
    /// How it pages.
    pub page: Paginator,
    /// What it filters by.
    pub filters: Vec<(FilterKey, FilterWire)>,
    /// How filters make one expression.
    pub compose: Option<Compose>,
    /// How it sorts.
    pub sort: Option<Sort>,
}

/// Which rows are deleted.
#[derive(Clone, Debug)]
pub struct Gone {
    /// What to look at, in the record.
    pub path: JsonPath,
    /// The value it is compared with.
    pub value: Value,
    /// Whether it must differ instead of being equal.
    pub differs: bool,
}

/// How a list pages: its style and what all styles share.
#[derive(Clone, Debug)]
pub struct Paginator {
    /// The style.
    pub style: Style,
    /// Where the page size goes.
    pub size: Option<Destination>,
    /// How the size is written, with `{n}`.
    pub size_format: Option<Template>,
    /// The CRM may answer another size.
    pub size_hint: bool,
    /// The smallest and largest page size.
    pub sizes: Option<(u32, u32)>,
    /// The total.
    pub total: Option<Pointer>,
    /// What the total counts.
    pub total_kind: TotalSaid,
    /// Whether rows remain.
    pub more: Option<Pointer>,
    /// How many rows can be reached.
    pub depth: Option<u64>,
    /// How going deeper is refused.
    pub depth_error: Option<RefusalLooks>,
    /// How a page past the end is refused.
    pub past_end: Vec<u16>,
}

impl Paginator {
    /// Every place it puts something to.
    pub fn destinations(&self) -> Vec<&Destination> {
        let of_style: Vec<Option<&Destination>> = match &self.style {
            Style::Page { page: to, .. } | Style::Offset { offset: to, .. } => vec![Some(to)],
            Style::Token(token) => vec![Some(&token.send), token.send_prev.as_ref()],
            Style::Keyset {
                send, send_before, ..
            } => vec![Some(send), send_before.as_ref()],
            Style::Link { .. } | Style::None => Vec::new(),
        };
        of_style
            .into_iter()
            .chain([self.size.as_ref()])
            .flatten()
            .collect()
    }
}

/// What a total counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalSaid {
    /// As the page says.
    Kind(TotalKind),
    /// Perhaps only this page: a total where it is larger than the page, or the first page is not full.
    PageOrAll,
}

/// How a refusal looks.
#[derive(Clone, Debug)]
pub struct RefusalLooks {
    /// Its status.
    pub status: u16,
    /// Text its body holds.
    pub contains: Option<String>,
}

/// The paging styles.
#[derive(Clone, Debug)]
pub enum Style {
    /// Numbered pages.
    Page {
        /// Where the number goes.
        page: Destination,
        /// The number of the first page.
        first: u64,
        /// The number of pages.
        pages: Option<Pointer>,
        /// The number the CRM says it answered.
        echo: Option<Pointer>,
    },
    /// Rows to skip.
    Offset {
        /// Where the number goes.
        offset: Destination,
        /// The number the CRM says it skipped.
        echo: Option<Pointer>,
    },
    /// An opaque token.
    Token(TokenStyle),
    /// A link.
    Link {
        /// The next page's.
        next: Pointer,
        /// The page's before.
        prev: Option<Pointer>,
        /// Further hosts a link may name.
        hosts: Vec<String>,
        /// Query parameters to add to a followed link.
        keep: Vec<String>,
    },
    /// The last row's key.
    Keyset {
        /// Where the key goes.
        send: Destination,
        /// Where the key stands in a record.
        key: JsonPath,
        /// Where it goes to ask for rows before it.
        send_before: Option<Destination>,
    },
    /// Everything at once.
    None,
}

/// An opaque token.
#[derive(Clone, Debug)]
pub struct TokenStyle {
    /// Where it goes.
    pub send: Destination,
    /// Where the next one stands.
    pub next: Pointer,
    /// Where the one before stands.
    pub prev: Option<Pointer>,
    /// Where the one before goes.
    pub send_prev: Option<Destination>,
    /// What ends the walk.
    pub end: Vec<EndSign>,
    /// A token may lead to an empty page.
    pub dangling: bool,
    /// The size must stay the same along the walk.
    pub size_locked: bool,
    /// How long a token lives, in seconds.
    pub ttl_s: Option<u64>,
}

/// What ends a walk, where a token is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSign {
    /// Nothing there.
    Absent,
    /// A null.
    Null,
    /// An empty text.
    Empty,
    /// A zero.
    Zero,
    /// The word false.
    False,
}

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
    /// The comparison, as `compose` calls it.
    pub fn operator(self) -> &'static str {
        self.word()
            .split_once(':')
            .map_or("eq", |(_, operator)| operator)
    }
}

/// How a filter is sent.
#[derive(Clone, Debug)]
pub struct FilterWire {
    /// Where to, or by which name inside the composed filter.
    pub to: FilterTarget,
    /// A constant to send instead of the value.
    pub value: Option<Value>,
    /// The word list to translate with.
    pub words: Option<String>,
    /// The wire format of times, or of ids.
    pub format: Option<WireFormat>,
    /// How several values are sent.
    pub list: ListForm,
    /// The shape of one element of a JSON list.
    pub each: Option<Value>,
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

/// A wire format of times or numbers.
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
    /// The word for ascending.
    pub asc: String,
    /// The word for descending.
    pub desc: String,
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
    /// The field is part of the parameter's name.
    Keyed(String),
    /// An array in the body with one element.
    Body {
        /// The array.
        to: JsonPath,
        /// One element.
        each: Value,
    },
}

/// How one customer is read.
#[derive(Clone, Debug)]
pub enum Get {
    /// By a route of its own.
    Route {
        /// The request.
        route: Box<Route>,
        /// The record.
        item: JsonPath,
        /// Which records are deleted.
        gone: Option<Gone>,
    },
    /// Through a list's `id:in` filter.
    ViaList,
}

/// How several customers are read.
#[derive(Clone, Debug)]
pub enum GetMany {
    /// By a route of its own.
    Route {
        /// The request.
        route: Box<Route>,
        /// How the ids are sent.
        ids: Box<FilterWire>,
        /// The array of records.
        items: JsonPath,
        /// From an element to the record.
        unwrap: JsonPath,
        /// The most ids a call takes.
        max: usize,
        /// Which records are deleted.
        gone: Option<Gone>,
    },
    /// Through a list's `id:in` filter.
    ViaList {
        /// The most ids a call takes.
        max: usize,
    },
}

impl GetMany {
    /// The most ids a call takes.
    pub const fn max(&self) -> usize {
        match self {
            Self::Route { max, .. } | Self::ViaList { max } => *max,
        }
    }
}

/// A write.
#[derive(Clone, Debug)]
pub struct WriteRoute {
    /// The request. Its `put` may hold `"{id}"` and vars in texts.
    pub route: Route,
    /// Below what every written field goes.
    pub wrap: JsonPath,
    /// Fields that must be there.
    pub requires: Vec<Needed>,
    /// At least one of these must be there.
    pub any_of: Vec<Needed>,
    /// Whether the whole record is sent.
    pub replace: bool,
    /// What the answer gives.
    pub returns: Returns,
    /// A header that makes the CRM refuse a repeat.
    pub idempotency_header: Option<HeaderName>,
}

/// A field that a create needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// A field of the common model.
    Common(WriteField),
    /// A vendor field.
    Native(String),
}

impl Needed {
    /// Its name: `email`, or `native.contactName`.
    pub fn name(&self) -> String {
        match self {
            Self::Common(field) => field.name().to_owned(),
            Self::Native(name) => format!("native.{name}"),
        }
    }
}

/// What the answer of a write gives.
#[derive(Clone, Debug, Default)]
pub struct Returns {
    /// The record.
    pub item: Option<JsonPath>,
    /// The id.
    pub id: Option<Pointer>,
    /// Read the customer back.
    pub then_get: bool,
}

/// Where a field stands and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// Where it is read; the first with a value counts.
    pub read: Vec<JsonPath>,
    /// Where it is written.
    pub write: Option<JsonPath>,
    /// Whether a create may carry it.
    pub on_create: bool,
    /// Whether an update may carry it.
    pub on_update: bool,
    /// Its type on the wire.
    pub wire: Option<WireType>,
    /// Its format on the wire, for times.
    pub format: Option<WireFormat>,
    /// Its word list.
    pub words: Option<String>,
    /// The word list it is written with, where that is another one.
    pub write_words: Option<String>,
    /// What an unknown word becomes.
    pub unknown: UnknownWord,
    /// The words for "there is a value" and "there is none".
    pub present: Option<(String, String)>,
    /// From an element to its text.
    pub each: JsonPath,
    /// What joins several values.
    pub join: Option<String>,
    /// Wire values that mean nothing.
    pub null_if: Vec<Value>,
    /// What is written around the value.
    pub shape: Option<Value>,
    /// How a null is written in a create and in an update.
    pub clear: (Clear, Clear),
    /// The longest text, in characters.
    pub max_length: Option<usize>,
    /// The shortest text, in characters.
    pub min_length: Option<usize>,
}

/// A value's type on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the words are the format's own; adapters/README.md explains them"
)]
pub enum WireType {
    String,
    Int,
    Float,
    Bool,
    Id,
    Strings,
    Json,
    Date,
    DateTime,
    NameFirst,
    NameLast,
}

/// What an unknown word becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownWord {
    /// UNKNOWN.
    #[default]
    Unknown,
    /// Null.
    Null,
    /// A field that could not be read.
    Error,
}

/// How a null is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clear {
    /// As a null.
    #[default]
    Null,
    /// As an empty text, or an empty list.
    Empty,
    /// It cannot be cleared.
    Forbid,
}

/// A vendor field that a write may carry.
#[derive(Clone, Debug)]
pub struct NativeField {
    /// Where it is written.
    pub write: JsonPath,
    /// Whether a create may carry it.
    pub on_create: bool,
    /// Whether an update may carry it.
    pub on_update: bool,
    /// Its type.
    pub wire: WireType,
    /// The longest text, in characters.
    pub max_length: Option<usize>,
}

/// A word list: ours and the CRM's.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Our word, and the CRM's words for it; the first is written.
    pub pairs: Vec<(String, Vec<Value>)>,
    /// Whether letter case does not count when reading.
    pub fold: bool,
}

/// What refusals mean.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// Where the code stands.
    pub code: Vec<Pointer>,
    /// Where the message stands.
    pub message: Vec<Pointer>,
    /// Where the wrong field's name stands.
    pub field: Vec<Pointer>,
    /// What codes mean.
    pub codes: BTreeMap<String, Meaning>,
    /// What statuses mean.
    pub status: BTreeMap<u16, ErrorKind>,
}

/// What a code means.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// The kind.
    pub kind: ErrorKind,
    /// The field it is about, by our name.
    pub field: Option<WriteField>,
}

/// The closed list of kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No refusal at all.
    Ok,
    /// A refusal.
    Refused(SourceErrorKind),
}

impl ErrorKind {
    /// The kinds with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("ok", Self::Ok),
        ("invalid", Self::Refused(SourceErrorKind::Rejected)),
        (
            "unauthenticated",
            Self::Refused(SourceErrorKind::Credentials),
        ),
        ("forbidden", Self::Refused(SourceErrorKind::Forbidden)),
        (
            "auth_or_permission",
            Self::Refused(SourceErrorKind::Credentials),
        ),
        ("not_found", Self::Refused(SourceErrorKind::NotFound)),
        ("conflict", Self::Refused(SourceErrorKind::Conflict)),
        ("no_changes", Self::Refused(SourceErrorKind::NoChanges)),
        ("rate_limited", Self::Refused(SourceErrorKind::Throttled)),
        ("unavailable", Self::Refused(SourceErrorKind::Unavailable)),
        ("timeout", Self::Refused(SourceErrorKind::Timeout)),
        ("unsupported", Self::Refused(SourceErrorKind::Unsupported)),
        (
            "cursor_expired",
            Self::Refused(SourceErrorKind::CursorExpired),
        ),
        ("depth_limit", Self::Refused(SourceErrorKind::DepthLimit)),
        ("protocol", Self::Refused(SourceErrorKind::Malformed)),
    ];
}
