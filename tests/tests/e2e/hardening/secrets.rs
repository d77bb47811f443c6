//! F. Keys, tokens and secrets: at rest, in the hands of those who guess, and everywhere that they must not be.

mod canary;
mod guessing;
mod keys;
