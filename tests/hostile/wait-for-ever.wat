;; Waits for as long as can be said.
;; limits: deadline_ms=150
;; expect: limit deadline_ms
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(func $handle (param $event i32) (result i32)
    (call $block (call $timer (i64.const -1)))
    unreachable)
