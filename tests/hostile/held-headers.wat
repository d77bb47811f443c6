;; Makes header sets of 30,000 bytes and keeps them, for ever.
;; limits: handles=10000
;; expect: limit memory_bytes
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(data (i32.const 4096) "a")
(func $begin (memory.fill (i32.const 131072) (i32.const 97) (i32.const 30000)))
(start $begin)
(func $handle (param $event i32) (result i32)
    (loop $again
        (call $append (call $fields) (i32.const 4096) (i32.const 1) (i32.const 131072) (i32.const 30000) (i32.const 2048))
        (br $again))
    unreachable)
