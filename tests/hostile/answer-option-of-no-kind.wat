;; Answers pending, with a time that is neither there nor not.
;; expect: trap discriminant
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1028) (i32.const 1))
    (i32.store (i32.const 1048) (i32.const 7))
    (call $done (local.get $event)))
