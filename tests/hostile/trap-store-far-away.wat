;; Writes 8 GiB behind the beginning of its memory.
;; expect: trap out of bounds memory access
(func $handle (param $event i32) (result i32)
    (i64.store offset=0xffffffff (i32.const 0xffffffff) (i64.const 1))
    (call $done (local.get $event)))
