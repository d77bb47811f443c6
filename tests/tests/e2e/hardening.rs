//! What a hostile tenant, carrier or sender may try, and what must happen: one file for each way in. The table in
//! `tests/README.md` has them all.

mod advisories;
mod answers;
mod execution;
mod fairness;
mod front_door;
mod identity;
mod secrets;
mod tls;
mod upload;
mod way_out;
