;; Prints 64 KiB without having asked how much it may: that is cut into lines, and no harm is done.
;; expect: done
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $write (call $stdout) (i32.const 131072) (i32.const 65536) (i32.const 2048))
    (call $done (local.get $event)))
