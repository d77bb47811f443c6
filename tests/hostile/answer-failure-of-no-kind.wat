;; Answers with a kind of failure that there is not.
;; expect: trap discriminant
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1028) (i32.const 3))
    (call $done (local.get $event)))
