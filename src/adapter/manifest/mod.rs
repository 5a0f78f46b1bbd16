//! An adapter file, checked: the closed vocabulary as Rust types.
//!
//! `reader` makes one from a file, the engine makes requests from it. There is nothing in between: what stands here is
//! what the file says, with pointers and templates already parsed.

mod errors;
mod field;
mod filter;
mod list;

pub use errors::*;
pub use field::*;
pub use filter::*;
pub use list::*;

use super::place::{JsonPath, Part, Pointer, Template};
use crate::model::{Assumption, LocalId};
use http::{HeaderName, Method};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// What it says of using its answers again.
    pub reuse: ReuseRules,
    /// The CRM's own warnings.
    pub warnings: Option<Pointer>,
    /// Words that are routes and never ids.
    pub reserved_ids: Vec<String>,
    /// No id holds a slash: one that does could lead below a customer, where a server unpacks `%2F` before it looks at paths.
    pub plain_ids: bool,
    /// The CRM's limits and how it says them.
    pub limits: RateLimits,
}

/// What the CRM says of using its answers again, as far as it is to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReuseRules {
    /// `ETag` names the version.
    pub etag: bool,
    /// `Last-Modified` names it.
    pub last_modified: bool,
    /// `Cache-Control` says for how long it is good.
    pub cache_control: bool,
}

impl ReuseRules {
    /// Whether anything is to be heard.
    pub const fn any(self) -> bool {
        self.etag || self.last_modified || self.cache_control
    }
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

impl Manifest {
    /// Whether the CRM's ids are numbers, so that it orders them as such.
    pub fn counts_ids(&self) -> bool {
        let id = self.fields.get("id");
        id.is_some_and(|field| field.wire == Some(WireType::Int))
    }

    /// How many ids a call takes. Through a list, no more than its filter takes and one of its pages can hold.
    pub fn batch_size(&self, many: &GetMany) -> usize {
        let through_list = || {
            let (list, wire) = self.list_by_ids()?;
            let page = list
                .page
                .sizes
                .and_then(|(_, max)| usize::try_from(max).ok());
            page.into_iter().chain(wire.max).min()
        };
        let most = match many {
            GetMany::Route { .. } => None,
            GetMany::ViaList { .. } => through_list(),
        };
        many.max().min(most.unwrap_or(usize::MAX)).max(1)
    }

    /// The list that several ids can be asked of, and how it takes them.
    fn list_by_ids(&self) -> Option<(&ListRoute, &FilterWire)> {
        let mut lists = self.lists.iter();
        lists.find_map(|list| Some((list, list.filter(FilterKey::IdIn)?)))
    }

    /// Whether a batch cannot hold an id that a route of its own can be asked for.
    pub fn must_be_asked_alone(&self, id: &LocalId) -> bool {
        let by_commas = |wire: &FilterWire| wire.list == ListForm::Csv;
        let in_batch = match &self.get_many {
            Some(GetMany::Route { ids, .. }) => by_commas(ids),
            _ => self
                .list_by_ids()
                .is_none_or(|(list, wire)| by_commas(wire) || list.compose.is_some()),
        };
        let alone = matches!(self.get, Some(Get::Route { .. }));
        alone && in_batch && id.as_str().contains(',')
    }

    /// The vars that a CRM gives a new value by itself: first refresh tokens, where such a token is one var and nothing else.
    pub fn refresh_vars(&self) -> impl Iterator<Item = &str> {
        self.http.auth.iter().filter_map(|rule| {
            let AuthRule::OAuth(rule) = rule else {
                return None;
            };
            match rule.refresh_token.as_ref()?.parts() {
                [Part::Hole(name)] => Some(&**name),
                _ => None,
            }
        })
    }
}

impl AuthRule {
    /// The vars it takes, in the order of its parts, each once.
    pub fn vars(&self) -> Vec<&str> {
        let templates: Vec<&Template> = match self {
            Self::None => Vec::new(),
            Self::Header { value, .. } | Self::Query { value, .. } => vec![value],
            Self::Basic { user, pass } => vec![user, pass],
            Self::OAuth(rule) => [&rule.token_url, &rule.client_id, &rule.client_secret]
                .into_iter()
                .chain(&rule.refresh_token)
                .chain(&rule.scope)
                .collect(),
        };
        let mut names = Vec::new();
        for name in templates.into_iter().flat_map(Template::holes) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
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
    /// What the values at these places must be like, all of them.
    pub values: Vec<(JsonPath, Proof)>,
}

impl Success {
    /// Whether a value of the body must say so, and not only not deny it.
    pub fn must_be_said(&self) -> bool {
        let mut proofs = self.values.iter().map(|(_, proof)| proof);
        proofs.any(|proof| matches!(proof, Proof::Equals(_)))
    }
}

/// What a value must be like where an answer is a success.
#[derive(Clone, Debug, PartialEq)]
pub enum Proof {
    /// This one.
    Equals(Value),
    /// A null, or not there.
    Absent,
    /// None of these; it may be missing.
    Unless(Vec<Value>),
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
    /// What this route's refusals mean, before the adapter's.
    pub errors: Arc<RouteErrors>,
}

impl Route {
    /// What makes its answer a success.
    pub fn success<'a>(&'a self, manifest: &'a Manifest) -> &'a Success {
        self.ok.as_ref().unwrap_or(&manifest.http.ok)
    }
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
        /// What the answer may lack.
        lacks: Lacks,
        /// Which records are deleted.
        gone: Option<Gone>,
    },
    /// Through a list's `id:in` filter.
    ViaList {
        /// The most ids a call takes.
        max: usize,
    },
}

/// What an answer to a batch may lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// A null stands for an id without a record.
    pub null_is_absent: bool,
    /// An absent array means no records.
    pub missing_is_empty: bool,
}

impl GetMany {
    /// The most ids a call takes.
    pub const fn max(&self) -> usize {
        match self {
            Self::Route { max, .. } | Self::ViaList { max } => *max,
        }
    }
}
