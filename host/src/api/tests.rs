mod description;
mod jobs;
mod orders;
mod passwords;
mod refusals;
mod routes;
mod telecloud;
pub(crate) mod world;
