;; Makes headers of a list of a million, all empty.
;; expect: limit host_call_bytes
(import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $from-list (param i32 i32 i32)))
(memory 288)
(func $handle (param $event i32) (result i32)
    (call $from-list (i32.const 65536) (i32.const 1000000) (i32.const 2048))
    unreachable)
