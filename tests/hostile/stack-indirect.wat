;; Calls itself through a table for ever.
;; expect: trap call stack exhausted
(type $f (func))
(table 1 funcref)
(elem (i32.const 0) $deep)
(func $deep (call_indirect (type $f) (i32.const 0)) (call_indirect (type $f) (i32.const 0)))
(func $handle (param $event i32) (result i32)
    (call_indirect (type $f) (i32.const 0))
    unreachable)
