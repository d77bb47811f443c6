;; Rejects with a text of 4 GiB.
;; expect: trap out of bounds
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 16))
    (i32.store (i32.const 1036) (i32.const -1))
    (call $done (local.get $event)))
