;; Declares tables of 50,000 elements, three of them: more than its limit.
;; limits: memory_bytes=1048576
;; expect: limit memory_bytes
(table 50000 funcref)
(table 50000 funcref)
(table 50000 funcref)
(func $handle (param $event i32) (result i32)
    unreachable)
