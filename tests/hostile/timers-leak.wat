;; Makes timers and keeps them, for ever.
;; expect: limit handles
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (call $timer (i64.const 1)))
        (br $again))
    unreachable)
