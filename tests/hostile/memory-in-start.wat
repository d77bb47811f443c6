;; Takes all memory in its start function.
;; expect: limit memory_bytes
(func $begin (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)
(start $begin)
(func $handle (param $event i32) (result i32)
    unreachable)
