;; Asks for a setting for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(import "patchbay:module/config@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (call $get (i32.const 0) (i32.const 4) (i32.const 2048))
        (br $again))
    unreachable)
