;; Waits for a list of 2^30 timers, whose size in bytes begins again at zero.
;; expect: trap out of bounds
(import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $poll (i32.const 4) (i32.const 0x40000000) (i32.const 2048))
    unreachable)
