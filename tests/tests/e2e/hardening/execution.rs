//! B. What a component may try while it runs.

mod corpus;
mod limits;
mod remains;
