;; Calls through an empty place of a table.
;; expect: trap uninitialized element
(table 1 funcref)
(func $handle (param $event i32) (result i32)
    (call_indirect (i32.const 0))
    unreachable)
