;; Asks for the variables and arguments of its environment. There are none.
;; expect: done
(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
(import "wasi:cli/environment@0.2.12" "get-arguments" (func $arguments (param i32)))
(func $handle (param $event i32) (result i32)
    (call $environment (i32.const 2048))
    (if (i32.load (i32.const 2052)) (then unreachable))
    (call $arguments (i32.const 2048))
    (if (i32.load (i32.const 2052)) (then unreachable))
    (call $done (local.get $event)))
