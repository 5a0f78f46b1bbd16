//! The routes over the toy schema: without sockets where none are needed, with real ones where time and connections matter.

mod connections;
mod requests;
