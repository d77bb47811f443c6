;; Drops headers twice.
;; expect: trap unknown handle
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $drop-fields (param i32)))
(func $handle (param $event i32) (result i32)
    (local $fields i32)
    (local.set $fields (call $fields))
    (call $drop-fields (local.get $fields))
    (call $drop-fields (local.get $fields))
    unreachable)
