//! A. What may be uploaded, and what compiling it may cost.
