;; Has data that goes beyond its memory.
;; expect: trap out of bounds memory access
(data (i32.const 262140) "12345678")
(func $handle (param $event i32) (result i32)
    unreachable)
