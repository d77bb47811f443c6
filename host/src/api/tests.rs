mod description;
mod refusals;
mod routes;
mod telecloud;
pub(crate) mod world;
