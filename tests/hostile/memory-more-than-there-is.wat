;; Takes more memory than 32 bits address: that is no matter of the limit.
;; expect: done
(func $handle (param $event i32) (result i32)
    (if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then unreachable))
    (call $done (local.get $event)))
