;; Grows its memory by nothing for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (memory.grow (i32.const 0)))
        (br $again))
    unreachable)
