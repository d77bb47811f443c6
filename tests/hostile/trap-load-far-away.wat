;; Reads 8 GiB behind the beginning of its memory.
;; expect: trap out of bounds memory access
(func $handle (param $event i32) (result i32)
    (i32.load offset=0xffffffff (i32.const 0xffffffff)))
