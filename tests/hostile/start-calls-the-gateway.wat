;; Calls the gateway in its start function, before that is there.
;; expect: trap uninitialized element
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $begin (call $log (i32.const 1) (i32.const 0) (i32.const 0)))
(start $begin)
(func $handle (param $event i32) (result i32)
    unreachable)
