;; Looks at the clock for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (call $now))
        (br $again))
    unreachable)
