;; Makes resources of its own for ever, without a function of the gateway.
;; world: export things: interface { resource thing; }
;; expect: limit handles
(import "[export]things" "[resource-new]thing" (func $thing (param i32) (result i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (call $thing (i32.const 1)))
        (br $again))
    unreachable)
