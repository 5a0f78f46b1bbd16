//! What several integration tests share. It holds no assertions about behaviour.

pub mod gateway;
pub mod process;
