;; Reads 2^40 bytes of its input. It is at its end.
;; expect: done
(import "wasi:cli/stdin@0.2.12" "get-stdin" (func $stdin (result i32)))
(import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(func $handle (param $event i32) (result i32)
    (call $read (call $stdin) (i64.const 0x10000000000) (i32.const 2048))
    (if (i32.eqz (i32.load8_u (i32.const 2048))) (then unreachable))
    (call $done (local.get $event)))
