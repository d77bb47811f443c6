;; Logs 100 KiB for ever, some GB/s if it were let.
;; limits: cpu_ms=30
;; expect: limit cpu_ms log_bytes
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (call $log (i32.const 1) (i32.const 131072) (i32.const 102400))
        (br $again))
    unreachable)
