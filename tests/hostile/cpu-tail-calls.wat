;; Two functions call each other in tail position for ever, without a loop and without a deeper stack.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $ping (param i32) (result i32) (return_call $pong (local.get 0)))
(func $pong (param i32) (result i32) (return_call $ping (local.get 0)))
(func $handle (param $event i32) (result i32)
    (return_call $ping (local.get $event)))
