;; Computes for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $handle (param $event i32) (result i32)
    (loop $again

        (br $again))
    unreachable)
