;; Answers with 2^32 - 1 VARs.
;; expect: trap out of bounds
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1032) (i32.const 0))
    (i32.store (i32.const 1036) (i32.const -1))
    (call $done (local.get $event)))
