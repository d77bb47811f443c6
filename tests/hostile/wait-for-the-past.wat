;; Waits until a moment that is long over.
;; expect: done
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-instant" (func $at (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(func $handle (param $event i32) (result i32)
    (call $block (call $at (i64.const 0)))
    (call $done (local.get $event)))
