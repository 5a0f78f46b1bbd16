//! A request as the transport hands it over.

use crate::access::Caller;
use crate::source::Brought;
use crate::trace::Trace;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the transport knows about a request.
#[derive(Debug)]
pub struct Arrival {
    /// The request's id.
    pub request_id: Box<str>,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// How old kept answers may be; zero asks for rows that no cache has touched.
    pub max_age: Option<Duration>,
    /// Nothing that is read may be kept.
    pub no_store: bool,
    /// The trace it is part of.
    pub trace: Option<Trace>,
    /// The credentials it brings for the CRMs themselves.
    pub brought: Brought,
    /// What it takes of the ceilings on requests. It is given back when the operation ends, which may be after its caller
    /// has left.
    pub hold: Hold,
}

/// Something of ceilings, which is given back when this is dropped.
#[derive(Default)]
pub struct Hold {
    _held: Option<Box<dyn Send + Sync>>,
}

impl Hold {
    /// Keeps this.
    pub fn of(held: impl Send + Sync + 'static) -> Self {
        Self {
            _held: Some(Box::new(held)),
        }
    }
}

impl Arrival {
    /// A request of somebody who may do everything, that takes what caches have.
    pub fn new(request_id: impl Into<Box<str>>, deadline: Instant) -> Self {
        Self {
            request_id: request_id.into(),
            caller: Arc::new(Caller::anybody()),
            deadline,
            max_age: None,
            no_store: false,
            trace: None,
            brought: Brought::default(),
            hold: Hold::default(),
        }
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}
