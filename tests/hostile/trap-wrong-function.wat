;; Calls a function of another type through a table.
;; expect: trap indirect call type mismatch
(table 1 funcref)
(elem (i32.const 0) $handle)
(func $handle (param $event i32) (result i32)
    (call_indirect (param i64) (i64.const 1) (i32.const 0))
    unreachable)
