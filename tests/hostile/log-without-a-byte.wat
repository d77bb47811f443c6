;; Logs ten thousand empty lines, and answers: lines count, however short they are.
;; expect: done log_bytes
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $n i32)
    (loop $more
        (call $log (i32.const 1) (i32.const 0) (i32.const 0))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10000))))
    (call $done (local.get $event)))
