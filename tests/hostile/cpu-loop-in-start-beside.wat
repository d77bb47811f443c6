;; A second core module computes for ever in its start function.
;; limits: cpu_ms=30
;; beside: (module (func $begin (loop $again (br $again))) (start $begin))
;; expect: limit cpu_ms
(func $handle (param $event i32) (result i32)
    unreachable)
