;; Uses a timer as headers.
;; expect: trap handle
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $append (call $timer (i64.const 1)) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 2048))
    unreachable)
