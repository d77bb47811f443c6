;; Asks for 2^40 bytes of the quicker randomness.
;; expect: trap exceeds limit
(import "wasi:random/insecure@0.2.12" "get-insecure-random-bytes" (func $random (param i64 i32)))
(func $handle (param $event i32) (result i32)
    (call $random (i64.const 0x10000000000) (i32.const 2048))
    unreachable)
