//! F. Tokens, keys and secrets.
