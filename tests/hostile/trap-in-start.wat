;; Gives up before it is asked.
;; expect: trap unreachable
(func $begin unreachable)
(start $begin)
(func $handle (param $event i32) (result i32)
    unreachable)
