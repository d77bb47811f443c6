;; Adds headers with line breaks in their name and value, and is told that these are none.
;; expect: done
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(data (i32.const 4096) "a\r\nb")
(func $handle (param $event i32) (result i32)
    (call $append (call $fields) (i32.const 4096) (i32.const 4) (i32.const 4096) (i32.const 1) (i32.const 2048))
    (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (then unreachable))
    (call $append (call $fields) (i32.const 4096) (i32.const 1) (i32.const 4096) (i32.const 4) (i32.const 2048))
    (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (then unreachable))
    (call $done (local.get $event)))
