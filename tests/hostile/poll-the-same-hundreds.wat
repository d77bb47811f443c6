;; Waits for the same timer 900 times at once, which it may.
;; expect: done
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $at i32) (local $timer i32)
    (local.set $timer (call $timer (i64.const 1)))
    (local.set $at (i32.const 131072))
    (loop $more
        (i32.store (local.get $at) (local.get $timer))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 134672))))
    (call $poll (i32.const 131072) (i32.const 900) (i32.const 2048))
    (if (i32.ne (i32.load (i32.const 2052)) (i32.const 900)) (then unreachable))
    (call $done (local.get $event)))
