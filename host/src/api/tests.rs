mod description;
mod jobs;
mod orders;
mod passwords;
mod refusals;
mod routes;
mod telecloud;
mod trail;
pub(crate) mod world;
