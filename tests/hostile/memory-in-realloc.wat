;; Takes all memory when it is asked for room for the event.
;; expect: limit memory_bytes
(func $realloc (param i32 i32 i32 i32) (result i32) (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)
(func $handle (param $event i32) (result i32)
    unreachable)
