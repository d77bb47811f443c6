;; Three more core modules grow their memories as far as they can when they start.
;; beside: (module (memory 1) (func $begin (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))) (start $begin))
;; beside: (module (memory 1) (func $begin (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))) (start $begin))
;; beside: (module (memory 1) (func $begin (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))) (start $begin))
;; expect: limit memory_bytes
(func $handle (param $event i32) (result i32)
    unreachable)
