;; Prints more in one go than the interface has room for.
;; expect: trap too large
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $write (call $stdout) (i32.const 4096) (i32.const 8192) (i32.const 2048))
    unreachable)
