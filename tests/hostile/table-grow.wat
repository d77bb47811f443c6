;; Grows its tables until there is no more, and gives up.
;; limits: memory_bytes=1048576
;; expect: limit memory_bytes
(table $a 0 funcref)
(table $b 0 funcref)
(table $c 0 funcref)
(func $handle (param $event i32) (result i32)
    (loop $more (br_if $more (i32.ne (table.grow $a (ref.null func) (i32.const 100)) (i32.const -1))))
    (loop $more (br_if $more (i32.ne (table.grow $b (ref.null func) (i32.const 100)) (i32.const -1))))
    (loop $more (br_if $more (i32.ne (table.grow $c (ref.null func) (i32.const 100)) (i32.const -1))))
    unreachable)
