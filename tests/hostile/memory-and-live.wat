;; Takes memory until there is no more, and answers all the same.
;; limits: memory_bytes=8388608
;; expect: done memory_bytes
(func $handle (param $event i32) (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (call $done (local.get $event)))
