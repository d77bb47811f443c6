;; Leaves its answer where none can be.
;; expect: trap align
(func $handle (param $event i32) (result i32)
    (drop (call $done (local.get $event)))
    (i32.const 1025))
