mod description;
mod orders;
mod refusals;
mod routes;
mod telecloud;
pub(crate) mod world;
