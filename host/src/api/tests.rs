mod description;
mod refusals;
mod routes;
pub(crate) mod world;
