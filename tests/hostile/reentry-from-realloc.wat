;; Calls the gateway while that hands it the event.
;; expect: trap cannot leave component instance
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $realloc (param i32 i32 i32 i32) (result i32)
    (call $log (i32.const 1) (i32.const 0) (i32.const 0))
    (i32.const 65536))
(func $handle (param $event i32) (result i32)
    unreachable)
