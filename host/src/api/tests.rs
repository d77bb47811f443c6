mod description;
mod jobs;
mod orders;
mod refusals;
mod routes;
mod telecloud;
pub(crate) mod world;
