;; Computes for ever when it is asked for room for what a function of the gateway answers.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
(global $armed (mut i32) (i32.const 0))
(global $at (mut i32) (i32.const 65536))
(func $realloc (param i32 i32 i32 i32) (result i32)
   (if (global.get $armed) (then (loop $again (br $again))))
   (global.set $at (i32.add (global.get $at) (i32.const 1024)))
   (global.get $at))
(func $handle (param $event i32) (result i32)
    (global.set $armed (i32.const 1))
    (call $random (i64.const 8) (i32.const 2048))
    unreachable)
