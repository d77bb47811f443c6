;; Makes requests with long paths and keeps them, for ever.
;; limits: handles=10000
;; expect: limit memory_bytes
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $path (param i32 i32 i32 i32) (result i32)))
(func $begin
    (memory.fill (i32.const 131072) (i32.const 97) (i32.const 16384))
    (i32.store8 (i32.const 131072) (i32.const 47)))
(start $begin)
(func $handle (param $event i32) (result i32)
    (loop $again
        (br_if $again (i32.eqz
            (call $path (call $request (call $fields)) (i32.const 1) (i32.const 131072) (i32.const 16384)))))
    unreachable)
