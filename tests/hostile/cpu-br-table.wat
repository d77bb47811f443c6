;; Jumps by a table for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(global $turn (mut i32) (i32.const 0))
(func $handle (param $event i32) (result i32)
    (loop $again
        (block $b (block $a (br_table $a $b $again (global.get $turn))))
        (global.set $turn (i32.rem_u (i32.add (global.get $turn) (i32.const 1)) (i32.const 3)))
        (br $again))
    unreachable)
