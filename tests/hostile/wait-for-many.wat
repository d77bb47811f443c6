;; Waits for 400 timers of an hour at once.
;; limits: deadline_ms=150
;; expect: limit deadline_ms
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $n i32)
    (loop $more
        (i32.store offset=4096 (i32.mul (local.get $n) (i32.const 4)) (call $timer (i64.const 3600000000000)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $n) (i32.const 400))))
    (call $poll (i32.const 4096) (i32.const 400) (i32.const 2048))
    unreachable)
