;; Copies 60 MiB within its memory, over and over.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
;; in one go: memory-copy-once
(memory 961)
(func $handle (param $event i32) (result i32)
    (loop $again
        (memory.copy (i32.const 0) (i32.const 1) (i32.const 62914560))
        (br $again))
    unreachable)
