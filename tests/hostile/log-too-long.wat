;; Logs a line of 4 GiB.
;; expect: trap out of bounds
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $log (i32.const 1) (i32.const 16) (i32.const -1))
    unreachable)
