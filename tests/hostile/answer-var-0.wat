;; Answers with VAR0.
;; expect: no-answer VAR0
(func $handle (param $event i32) (result i32)
    (i32.store8 (i32.const 4096) (i32.const 0))
    (i32.store (i32.const 1032) (i32.const 4096))
    (i32.store (i32.const 1036) (i32.const 1))
    (call $done (local.get $event)))
