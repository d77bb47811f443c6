;; Uses headers after it has dropped them.
;; expect: trap unknown handle
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $drop-fields (param i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $fields i32)
    (local.set $fields (call $fields))
    (call $drop-fields (local.get $fields))
    (call $append (local.get $fields) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 2048))
    unreachable)
