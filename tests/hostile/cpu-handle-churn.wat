;; Makes headers and drops them for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $drop-fields (param i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (call $drop-fields (call $fields))
        (br $again))
    unreachable)
