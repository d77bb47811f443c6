;; Waits for a list of timers behind its memory.
;; expect: trap out of bounds
(import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $poll (i32.const 262140) (i32.const 2) (i32.const 2048))
    unreachable)
