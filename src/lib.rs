//! crmql: one GraphQL API over the REST CRMs a company has.

pub mod demo;
