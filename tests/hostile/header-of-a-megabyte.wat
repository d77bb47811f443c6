;; Adds a header of 1 MiB.
;; expect: trap size of fields
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(memory 20)
(data (i32.const 4096) "a")
(func $begin (memory.fill (i32.const 131072) (i32.const 97) (i32.const 1048576)))
(start $begin)
(func $handle (param $event i32) (result i32)
    (call $append (call $fields) (i32.const 4096) (i32.const 1) (i32.const 131072) (i32.const 1048576) (i32.const 2048))
    unreachable)
