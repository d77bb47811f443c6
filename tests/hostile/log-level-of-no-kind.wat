;; Logs at a level that there is not.
;; expect: trap discriminant
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $log (i32.const 9) (i32.const 0) (i32.const 0))
    unreachable)
