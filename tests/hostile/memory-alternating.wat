;; Grows its memory and fails to grow it beyond 4 GiB in turn: a failure gives nothing back.
;; limits: memory_bytes=1048576
;; expect: done memory_bytes
(func $handle (param $event i32) (result i32)
    (loop $more
        (drop (memory.grow (i32.const 65536)))
        (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (if (i32.gt_u (memory.size) (i32.const 16)) (then unreachable))
    (call $done (local.get $event)))
