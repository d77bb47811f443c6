;; Asks for no random bytes at all.
;; expect: done
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
(func $handle (param $event i32) (result i32)
    (call $random (i64.const 0) (i32.const 2048))
    (if (i32.load (i32.const 2052)) (then unreachable))
    (call $done (local.get $event)))
