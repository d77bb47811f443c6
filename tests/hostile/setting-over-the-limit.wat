;; Asks for a setting whose name has 17 MiB.
;; expect: limit host_call_bytes
(import "patchbay:module/config@0.1.0" "get" (func $get (param i32 i32 i32)))
(memory 288)
(func $handle (param $event i32) (result i32)
    (call $get (i32.const 131072) (i32.const 17825792) (i32.const 2048))
    unreachable)
