;; Reads behind its memory.
;; expect: trap out of bounds memory access
(func $handle (param $event i32) (result i32)
    (i32.load (i32.const 262141)))
