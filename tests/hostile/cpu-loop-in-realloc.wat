;; Computes for ever when it is asked for room for the event.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $realloc (param i32 i32 i32 i32) (result i32) (loop $again (br $again)) unreachable)
(func $handle (param $event i32) (result i32)
    unreachable)
