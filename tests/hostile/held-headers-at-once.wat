;; Makes header sets of 30,000 bytes in one go and keeps them, for ever.
;; limits: handles=10000
;; expect: limit memory_bytes
(import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $list (param i32 i32 i32)))
(data (i32.const 4096) "a")
(data (i32.const 4104) "\00\10\00\00\01\00\00\00\00\00\02\00\30\75\00\00")
(func $begin (memory.fill (i32.const 131072) (i32.const 97) (i32.const 30000)))
(start $begin)
(func $handle (param $event i32) (result i32)
    (loop $again
        (call $list (i32.const 4104) (i32.const 1) (i32.const 2048))
        (br $again))
    unreachable)
