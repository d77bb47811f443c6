;; Makes one header set of 30,000 bytes, and copies of it that it keeps, for ever.
;; limits: handles=10000
;; expect: limit memory_bytes
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[method]fields.clone" (func $clone (param i32) (result i32)))
(data (i32.const 4096) "a")
(func $begin (memory.fill (i32.const 131072) (i32.const 97) (i32.const 30000)))
(start $begin)
(func $handle (param $event i32) (result i32)
    (local $fields i32)
    (local.set $fields (call $fields))
    (call $append (local.get $fields) (i32.const 4096) (i32.const 1) (i32.const 131072) (i32.const 30000) (i32.const 2048))
    (loop $again
        (drop (call $clone (local.get $fields)))
        (br $again))
    unreachable)
