;; Uses the handle 0, which is none.
;; expect: trap unknown handle
(import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $drop-fields (param i32)))
(func $handle (param $event i32) (result i32)
    (call $drop-fields (i32.const 0))
    unreachable)
