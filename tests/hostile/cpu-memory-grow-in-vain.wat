;; Grows its memory beyond its own maximum for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(memory 4 4)
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (memory.grow (i32.const 1)))
        (br $again))
    unreachable)
