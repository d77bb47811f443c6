;; Prints for ever, as much at once as it may.
;; limits: cpu_ms=30
;; expect: limit cpu_ms log_bytes
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check (param i32 i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (local $out i32)
    (local.set $out (call $stdout))
    (loop $again
        (call $check (local.get $out) (i32.const 2048))
        (call $write (local.get $out) (i32.const 4096) (i32.wrap_i64 (i64.load (i32.const 2056))) (i32.const 2080))
        (br $again))
    unreachable)
