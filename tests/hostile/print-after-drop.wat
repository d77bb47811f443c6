;; Prints to a stream that it has dropped.
;; expect: trap unknown handle
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-stream (param i32)))
(func $handle (param $event i32) (result i32)
    (local $out i32)
    (local.set $out (call $stdout))
    (call $drop-stream (local.get $out))
    (call $write (local.get $out) (i32.const 0) (i32.const 1) (i32.const 2048))
    unreachable)
