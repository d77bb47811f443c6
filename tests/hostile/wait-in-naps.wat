;; Sleeps for a millisecond, over and over: it hardly computes, and never ends.
;; limits: deadline_ms=150
;; expect: limit deadline_ms
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop-pollable (param i32)))
(func $handle (param $event i32) (result i32)
    (local $nap i32)
    (loop $again
        (local.set $nap (call $timer (i64.const 1000000)))
        (call $block (local.get $nap))
        (call $drop-pollable (local.get $nap))
        (br $again))
    unreachable)
