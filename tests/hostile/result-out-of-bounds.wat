;; Has a function of the gateway leave its answer behind its memory.
;; expect: trap pointer out of bounds
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
(func $handle (param $event i32) (result i32)
    (call $random (i64.const 8) (i32.const 0xfffffff0))
    unreachable)
