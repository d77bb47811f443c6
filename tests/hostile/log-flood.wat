;; Logs ten thousand lines of 1 KiB, and answers: what is beyond the limit is dropped.
;; expect: done log_bytes
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $n i32)
    (loop $more
        (call $log (i32.const 1) (i32.const 131072) (i32.const 1024))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10000))))
    (call $done (local.get $event)))
