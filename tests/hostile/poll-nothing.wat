;; Waits for nothing at all.
;; expect: trap empty
(import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $poll (i32.const 0) (i32.const 0) (i32.const 2048))
    unreachable)
