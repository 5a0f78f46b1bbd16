//! What several tests share.

pub mod crm;
