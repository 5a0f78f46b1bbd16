//! The emulated CRMs of `crmql demo`.
