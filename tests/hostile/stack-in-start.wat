;; Calls itself for ever in its start function.
;; expect: trap call stack exhausted
(func $begin (call $begin) (call $begin))
(start $begin)
(func $handle (param $event i32) (result i32)
    unreachable)
