;; Answers with neither of two cases.
;; expect: trap discriminant
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1024) (i32.const 7))
    (call $done (local.get $event)))
