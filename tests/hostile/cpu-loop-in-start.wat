;; Computes for ever before it is asked anything: in its start function.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $begin (loop $again (br $again)))
(start $begin)
(func $handle (param $event i32) (result i32)
    unreachable)
