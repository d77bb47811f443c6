;; Fills 4 GiB.
;; expect: trap out of bounds memory access
(func $handle (param $event i32) (result i32)
    (memory.fill (i32.const 1) (i32.const 1) (i32.const -1))
    (call $done (local.get $event)))
