;; Logs a line of 17 MiB.
;; expect: limit host_call_bytes
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(memory 288)
(func $handle (param $event i32) (result i32)
    (call $log (i32.const 1) (i32.const 65536) (i32.const 17825792))
    unreachable)
