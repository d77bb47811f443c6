;; Copies a table of 50,000 elements within itself, over and over.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(table $t 50000 funcref)
(func $handle (param $event i32) (result i32)
    (loop $again
        (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 49999))
        (br $again))
    unreachable)
