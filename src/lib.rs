//! crmql: one GraphQL API over the REST CRMs a company has.
//!
//! A request walks down this list, its answer walks back up; no module uses one that stands above it.
//!
//! `app` wires the rest together and is the only one that knows everybody.

pub mod connection;
pub mod limits;
pub mod model;
pub mod source;

pub mod demo;
