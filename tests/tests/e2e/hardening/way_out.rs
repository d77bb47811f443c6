//! C. What a module may ask of the door out, and what a carrier may answer.
