;; Asks for its files. There are none.
;; expect: done
(import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $files (param i32)))
(func $handle (param $event i32) (result i32)
    (call $files (i32.const 2048))
    (if (i32.load (i32.const 2052)) (then unreachable))
    (call $done (local.get $event)))
