//! The integration tests, one binary; files are named after behaviours.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod page;
