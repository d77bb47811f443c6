;; Answers with so many VARs that their size in bytes begins again at zero.
;; expect: trap out of bounds
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1032) (i32.const 16))
    (i32.store (i32.const 1036) (i32.const 357913942))
    (call $done (local.get $event)))
