;; Gives up.
;; expect: trap unreachable
(func $handle (param $event i32) (result i32)
    unreachable)
