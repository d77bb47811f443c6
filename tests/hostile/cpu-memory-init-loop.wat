;; Copies a piece of its data into its memory, over and over.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(data $d "0123456789abcdef")
(func $handle (param $event i32) (result i32)
    (loop $again
        (memory.init $d (i32.const 0) (i32.const 0) (i32.const 16))
        (br $again))
    unreachable)
