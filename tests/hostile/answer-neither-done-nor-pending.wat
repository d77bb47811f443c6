;; Answers with a kind of success that there is not.
;; expect: trap discriminant
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1028) (i32.const 2))
    (call $done (local.get $event)))
