//! D. What a sender may do at a module's URL.
