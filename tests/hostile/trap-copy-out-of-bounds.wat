;; Copies beyond the end of its memory.
;; expect: trap out of bounds memory access
(func $handle (param $event i32) (result i32)
    (memory.copy (i32.const 262100) (i32.const 0) (i32.const 1000))
    (call $done (local.get $event)))
