;; Answers with VARs where none can be.
;; expect: trap align
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1032) (i32.const 4097))
    (i32.store (i32.const 1036) (i32.const 1))
    (call $done (local.get $event)))
