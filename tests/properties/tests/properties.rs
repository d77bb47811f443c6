//! What has to hold for every input, held against random ones and against those that are kept in `fuzz/`.

mod properties {
    mod corpora;
    mod random;
    mod seeds;
    mod work;
}
