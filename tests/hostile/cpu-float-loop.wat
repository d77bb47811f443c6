;; Takes square roots for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(global $x (mut f64) (f64.const 2))
(func $handle (param $event i32) (result i32)
    (loop $again
        (global.set $x (f64.sqrt (f64.add (global.get $x) (f64.const 1))))
        (br $again))
    unreachable)
