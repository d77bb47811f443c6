;; Uses a handle that it was never given.
;; expect: trap unknown handle
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $append (i32.const 12345) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 2048))
    unreachable)
