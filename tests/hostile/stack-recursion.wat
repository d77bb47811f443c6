;; Calls itself for ever.
;; expect: trap call stack exhausted
(func $handle (param $event i32) (result i32)
    (call $handle (local.get $event))
    (i32.add (i32.const 1)))
