;; Takes memory page by page until there is no more, and gives up.
;; limits: memory_bytes=8388608
;; expect: limit memory_bytes
(func $handle (param $event i32) (result i32)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    unreachable)
