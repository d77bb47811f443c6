;; Calls itself for ever, and the gateway from every depth.
;; expect: trap call stack exhausted
(import "patchbay:module/config@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $deep (call $get (i32.const 0) (i32.const 4) (i32.const 2048)) (call $deep) (call $deep))
(func $handle (param $event i32) (result i32)
    (call $deep)
    unreachable)
