;; Adds vectors for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(global $v (mut v128) (v128.const i32x4 1 2 3 4))
(func $handle (param $event i32) (result i32)
    (loop $again
        (global.set $v (i32x4.add (global.get $v) (global.get $v)))
        (br $again))
    unreachable)
