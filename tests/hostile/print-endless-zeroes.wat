;; Prints 2^64 - 1 zeroes.
;; expect: trap check_write
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
(func $handle (param $event i32) (result i32)
    (call $zeroes (call $stdout) (i64.const -1) (i32.const 2048))
    unreachable)
