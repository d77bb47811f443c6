;; Makes headers and keeps them, for ever.
;; expect: limit handles
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (call $fields))
        (br $again))
    unreachable)
