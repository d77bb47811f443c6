;; Prints zeroes for ever.
;; limits: cpu_ms=30
;; expect: limit cpu_ms log_bytes
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check (param i32 i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
(func $handle (param $event i32) (result i32)
    (local $out i32)
    (local.set $out (call $stdout))
    (loop $again
        (call $check (local.get $out) (i32.const 2048))
        (call $zeroes (local.get $out) (i64.load (i32.const 2056)) (i32.const 2080))
        (br $again))
    unreachable)
