;; Takes 4 GiB at once, and gives up.
;; expect: limit memory_bytes
(func $handle (param $event i32) (result i32)
    (if (i32.eq (memory.grow (i32.const 65500)) (i32.const -1)) (then unreachable))
    (call $done (local.get $event)))
