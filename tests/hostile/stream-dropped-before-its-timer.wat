;; Drops a stream while it still waits for it.
;; expect: trap has children
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $ready (param i32) (result i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop-stream (param i32)))
(func $handle (param $event i32) (result i32)
    (local $out i32)
    (local.set $out (call $stdout))
    (drop (call $ready (local.get $out)))
    (call $drop-stream (local.get $out))
    (call $done (local.get $event)))
