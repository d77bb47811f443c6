;; Calls itself twice, sixty deep: no loop, a flat stack, 2^60 calls.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $tree (param $depth i32)
    (if (local.get $depth) (then
        (call $tree (i32.sub (local.get $depth) (i32.const 1)))
        (call $tree (i32.sub (local.get $depth) (i32.const 1))))))
(func $handle (param $event i32) (result i32)
    (call $tree (i32.const 60))
    unreachable)
