//! What a deployment decides about its callers: who they are, by which names and from which origins they come, what they may send;
//! and what is counted of them.

use super::forwarded::Forwarding;
use super::guards::Hosts;
use super::library::Library;
use super::places::InWork;
use crate::access::{Access, Network, Tries};
use crate::graphql::ErrorCode;
use crate::metrics::{Moment, RequestMeter};
use crate::trace::Tracer;
use axum::http::{HeaderMap, HeaderValue, header};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a deployment decides about its callers, and what counts them for the whole life of a process.
pub struct Policy {
    /// The names the gateway may be called by.
    pub hosts: Hosts,
    /// Origins whose pages may read answers.
    pub origins: Vec<Box<str>>,
    /// Who may call.
    pub access: Access,
    /// What stands in front of the gateway and says where requests come from.
    pub proxies: Vec<Network>,
    /// Refused credentials by where they came from. One for the whole life of a process.
    pub tries: Arc<Tries>,
    /// Tenants that get a share of the requests in work each.
    pub tenants: BTreeSet<Box<str>>,
    /// What requests take of the ceilings. One for the whole life of a process.
    pub in_work: InWork,
    /// Which credentials callers bring for the CRMs themselves.
    pub forwarding: Forwarding,
    /// Whether callers may ask for the schema.
    pub introspection: bool,
    /// The documents that need not be sent.
    pub library: Library,
    /// Counts requests. One for the whole life of a process.
    pub meter: Arc<RequestMeter>,
    /// Makes the spans of requests.
    pub tracer: Tracer,
    /// Tells how all that stands behind the requests is doing.
    pub moment: Box<dyn Fn() -> Moment + Send + Sync>,
}

impl Policy {
    /// Everything may be asked by whoever calls by these names; no foreign page may.
    pub fn open(hosts: Hosts) -> Self {
        Self {
            hosts,
            origins: Vec::new(),
            access: Access::anybody(),
            proxies: Vec::new(),
            tries: Arc::default(),
            tenants: BTreeSet::new(),
            in_work: InWork::default(),
            forwarding: Forwarding::default(),
            introspection: true,
            library: Library::default(),
            meter: Arc::new(RequestMeter::new(ErrorCode::WORDS)),
            tracer: Tracer::default(),
            moment: Box::new(Moment::default),
        }
    }

    /// The origin of a page that may read the answer to this request.
    pub(super) fn welcome_origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.origins
            .iter()
            .any(|known| **known == *text)
            .then_some(origin)
    }
}
