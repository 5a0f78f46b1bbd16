//! An adapter file becomes a `CustomerSource`.
//!
//! `reader` checks a file into a `Manifest`, `Adapter` fills in one source's vars and speaks to its CRM through
//! `upstream`. Nothing else in the crate reads upstream JSON by pointer, and nothing here knows a vendor's name: if a CRM
//! cannot be said in a file, the format gets a new word, never this code a branch.

mod auth;
mod body;
mod capabilities;
mod clash;
mod constants;
mod doubt;
mod exchange;
mod faults;
mod fetch;
mod filter;
pub mod fixtures;
mod halves;
mod honest;
mod judge;
mod library;
mod list;
mod lookup;
pub mod manifest;
mod mapping;
mod native;
mod paging;
mod pick;
mod place;
mod plan;
mod reader;
mod refusal;
mod request;
mod several;
mod status;
mod tries;
mod unchanged;
mod wire;
mod write;

pub use auth::{Keeper, TokenStore};
pub use library::{built_in, built_in_file, built_in_names};
pub use manifest::Manifest;
pub use reader::read;
pub use request::Vars;

use crate::metrics::SourceMeter;
use crate::model::{Capabilities, Change, CustomerOrderField, Filter, LocalId, Order};
use crate::source::{
    Call, CustomerRef, CustomerSource, ListPlan, Page, Position, SourceError, SourceStatus,
    Unsupported, Written,
};
use crate::upstream::{Settings, Upstream};
use async_trait::async_trait;
use doubt::Batches;
use fetch::Single;
use http::HeaderMap;
use list::{Batch, Listing};
use manifest::{Get, GetMany};
use memchr::memmem::Finder;
use paging::Hosts;
use request::Prepared;
use several::Heeded;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use write::Writing;

/// One CRM, ready to be called.
pub struct Adapter {
    manifest: Arc<Manifest>,
    capabilities: Capabilities,
    upstream: Arc<Upstream>,
    auth: auth::Auth,
    hosts: Hosts,
    total: Duration,
    lists: Vec<Listing>,
    get: Option<(Prepared, Single)>,
    get_many: Option<Batch>,
    heeded: Heeded,
    batches: Batches,
    /// Looks for the CRM's codes that pass: made once, as making one costs more than looking with it.
    passing: Box<[Finder<'static>]>,
    create: Option<Writing>,
    update: Option<Writing>,
    delete: Option<Writing>,
}

/// Why an adapter cannot be built for a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The configuration lacks a var.
    #[error("the adapter needs the var `{0}`")]
    MissingVar(String),
    /// The configuration gives a var the adapter does not know.
    #[error("the adapter knows no var `{0}`; it knows: {1}")]
    UnknownVar(String, String),
    /// None of the adapter's ways to sign in has all its vars; here are those of each.
    #[error("there is no way to sign in: it takes {0}")]
    NoAuth(String),
    /// Credentials that no header can carry; their vars.
    #[error("{0} cannot stand in a header: only printable ASCII can")]
    Credentials(String),
    /// The token endpoint is no address; its vars.
    #[error("the address of the token endpoint, from {0}, is no http or https address")]
    TokenUrl(String),
    /// The base is no address.
    #[error("the adapter's base is no http or https address without user, query and fragment")]
    Base,
    /// A var cannot stand where the adapter puts it.
    #[error("a var holds what cannot stand in a header or an address")]
    Unplaceable,
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Client,
}

/// What a source's configuration says beside its vars.
pub struct Site {
    /// The vars' values.
    pub vars: Vars,
    /// How the CRM may be called.
    pub settings: Settings,
    /// How long one call may take in all: waiting for a place, signing in, and a second try with fresh credentials.
    pub total: Duration,
    /// Where a rotated refresh token is kept.
    pub tokens: TokenStore,
}

impl Adapter {
    /// Builds the source that a manifest and a configuration describe. Nothing is sent.
    ///
    /// # Errors
    /// [`BuildError`] names what the configuration lacks.
    pub fn new(manifest: Arc<Manifest>, site: Site) -> Result<Self, BuildError> {
        let upstream = Upstream::new(settings(&manifest, site.settings));
        let upstream = upstream.map_err(|_| BuildError::Client)?;
        Self::over(manifest, site.vars, upstream, site.total, &site.tokens)
    }

    /// The same CRM for somebody with other vars. Connections and places are shared, nothing else.
    ///
    /// # Errors
    /// As [`Adapter::new`].
    pub fn beside(&self, vars: Vars) -> Result<Self, BuildError> {
        let (manifest, upstream) = (Arc::clone(&self.manifest), self.upstream.beside());
        Self::over(manifest, vars, upstream, self.total, &TokenStore::default())
    }

    fn over(
        manifest: Arc<Manifest>,
        vars: Vars,
        upstream: Upstream,
        total: Duration,
        tokens: &TokenStore,
    ) -> Result<Self, BuildError> {
        let vars = complete_vars(&manifest, vars)?;
        let get = |name: &str| vars.get(name).map(String::as_str);
        let base = manifest.http.base.fill(get).ok_or(BuildError::Base)?;
        let base = Url::parse(&base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
            .filter(is_bare)
            .ok_or(BuildError::Base)?;
        let auth = auth::Auth::choose(&manifest.http.auth, &vars, tokens)?;
        let headers = constant_headers(&manifest, &vars)?;
        let prepare = |route: &manifest::Route| {
            Prepared::new(route, &vars, &manifest.http.query, &headers)
                .map(|prepared| prepared.counting_ids(manifest.counts_ids()))
                .ok_or(BuildError::Unplaceable)
        };
        let writing = |route: Option<&manifest::WriteRoute>| {
            route
                .map(|route| Ok(Writing::new(&manifest, route, prepare(&route.route)?)))
                .transpose()
        };
        let lists = manifest
            .lists
            .iter()
            .map(|route| Ok(Listing::new(&manifest, route, prepare(&route.route)?)))
            .collect::<Result<_, BuildError>>()?;
        Ok(Self {
            capabilities: capabilities::derive(&manifest),
            upstream: Arc::new(upstream),
            hosts: Hosts {
                others: link_hosts(&manifest, &base),
                base,
                credential: auth.query_name().map(str::to_owned),
            },
            create: writing(manifest.create.as_ref())?,
            update: writing(manifest.update.as_ref())?,
            delete: writing(manifest.delete.as_ref())?,
            total,
            lists,
            get: reading_one(&manifest, &prepare)?,
            get_many: reading_several(&manifest, &prepare)?,
            heeded: Heeded::default(),
            batches: Batches::default(),
            passing: exchange::passing(&manifest.errors.codes)
                .map(|code| Finder::new(code).into_owned())
                .collect(),
            auth,
            manifest,
        })
    }

    /// The adapter's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Paths are put behind the base, and what signs a request has its own place.
fn is_bare(url: &Url) -> bool {
    let signed = !url.username().is_empty() || url.password().is_some();
    !signed && url.query().is_none() && url.fragment().is_none()
}

/// Fills in the vars of a route.
type Prepare<'p> = dyn Fn(&manifest::Route) -> Result<Prepared, BuildError> + 'p;

fn reading_one(
    manifest: &Manifest,
    prepare: &Prepare<'_>,
) -> Result<Option<(Prepared, Single)>, BuildError> {
    let Some(Get::Route { route, item, gone }) = &manifest.get else {
        return Ok(None);
    };
    let single = Single::new(manifest, item, gone.as_ref(), route);
    Ok(Some((prepare(route)?, single)))
}

fn reading_several(
    manifest: &Manifest,
    prepare: &Prepare<'_>,
) -> Result<Option<Batch>, BuildError> {
    let Some(GetMany::Route {
        route,
        gone,
        items,
        unwrap,
        lacks,
        ..
    }) = &manifest.get_many
    else {
        return Ok(None);
    };
    let (prepared, below) = (prepare(route)?, (items, unwrap, *lacks));
    let batch = Batch::new(manifest, gone.as_ref(), below, route, prepared);
    Ok(Some(batch))
}

/// The vars with their defaults, checked against what the adapter knows.
fn complete_vars(manifest: &Manifest, mut vars: Vars) -> Result<Vars, BuildError> {
    if let Some(unknown) = vars.keys().find(|name| !manifest.vars.contains_key(*name)) {
        let known: Vec<_> = manifest.vars.keys().map(String::as_str).collect();
        return Err(BuildError::UnknownVar(unknown.clone(), known.join(", ")));
    }
    for (name, var) in &manifest.vars {
        match (&var.default, vars.contains_key(name)) {
            (Some(default), false) => drop(vars.insert(name.clone(), default.clone())),
            (None, false) if !var.optional => return Err(BuildError::MissingVar(name.clone())),
            _ => {}
        }
    }
    Ok(vars)
}

fn constant_headers(manifest: &Manifest, vars: &Vars) -> Result<HeaderMap, BuildError> {
    let get = |name: &str| vars.get(name).map(String::as_str);
    let mut headers = HeaderMap::new();
    for (name, template) in &manifest.http.headers {
        let text = template.fill(get).ok_or(BuildError::Unplaceable)?;
        headers.insert(name.clone(), sensitive(&text)?);
    }
    for (name, template) in &manifest.http.headers_if {
        if let Some(text) = template.fill(get) {
            headers.insert(name.clone(), sensitive(&text)?);
        }
    }
    Ok(headers)
}

fn sensitive(text: &str) -> Result<http::HeaderValue, BuildError> {
    let mut value = request::header_value(text).map_err(|_| BuildError::Unplaceable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn settings(manifest: &Manifest, mut settings: Settings) -> Settings {
    let limits = &manifest.http.limits;
    if let Some(most) = limits.max_parallel {
        settings.concurrency = settings.concurrency.min(most as usize);
    }
    if let Some(rate) = limits.max_rps.filter(|rate| *rate > 0) {
        settings.spacing = Some(Duration::from_secs(1) / rate);
    }
    settings
}

fn link_hosts(manifest: &Manifest, base: &Url) -> Vec<String> {
    let hosts = manifest
        .lists
        .iter()
        .filter_map(|list| match &list.page.style {
            manifest::Style::Link { hosts, .. } => Some(hosts.clone()),
            _ => None,
        });
    hosts
        .flatten()
        .filter_map(|host| paging::authority(base.scheme(), &host))
        .collect()
}

#[async_trait]
impl CustomerSource for Adapter {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn status(&self) -> SourceStatus {
        status::of(&self.upstream)
    }

    fn meter(&self) -> Arc<SourceMeter> {
        Arc::clone(&self.upstream.settings().meter)
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        self.plan_list(filter, order)
    }

    fn shows(&self, field: CustomerOrderField) -> bool {
        let mut words = CustomerOrderField::ALL.iter();
        let word = words.find_map(|(word, known)| (*known == field).then_some(*word));
        let read = word.and_then(|word| self.manifest.fields.get(word));
        read.is_some_and(|read| !read.read.is_empty())
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        self.list_heeding(call, plan, at, size).await
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        self.fetch_all(call, ids).await
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        self.write_change(call, change).await
    }
}
