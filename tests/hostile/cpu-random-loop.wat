;; Asks for random bytes for ever, in the same room.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
(func $realloc (param i32 i32 i32 i32) (result i32) (i32.const 65536))
(func $handle (param $event i32) (result i32)
    (loop $again
        (call $random (i64.const 65536) (i32.const 2048))
        (br $again))
    unreachable)
