;; Calls through a place that its table does not have.
;; expect: trap undefined element
(table 1 funcref)
(func $handle (param $event i32) (result i32)
    (call_indirect (i32.const 7))
    unreachable)
