//! crmql: one GraphQL API over the REST CRMs a company has.
//!
//! A request walks down this list, its answer walks back up; no module uses one that stands above it.
//!
//! [`app`] wires the rest together and is the only one that knows everybody.

pub mod app;
pub mod cli;
pub mod config;

pub mod http;

pub mod graphql;

pub mod access;

pub mod connection;

pub mod writes;

pub mod load;

pub mod adapter;

pub mod document;

pub mod upstream;

pub mod source;

pub mod model;

pub mod trace;

pub mod metrics;

pub mod limits;

pub mod demo;
