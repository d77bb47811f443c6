;; Calls a function through a table for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(table 1 funcref)
(elem (i32.const 0) $nothing)
(func $nothing)
(func $handle (param $event i32) (result i32)
    (loop $again
        (call_indirect (i32.const 0))
        (br $again))
    unreachable)
