//! What several integration tests share. It holds no assertions about behaviour.

pub mod crm;
pub mod gateway;
pub mod guarded;
pub mod process;
pub mod proxy;
