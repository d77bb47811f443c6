;; Fills a table of 50,000 elements, over and over.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(table $t 50000 funcref)
(func $handle (param $event i32) (result i32)
    (loop $again
        (table.fill $t (i32.const 0) (ref.null func) (i32.const 50000))
        (br $again))
    unreachable)
