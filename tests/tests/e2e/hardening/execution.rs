//! B. What a component may do while it runs.
