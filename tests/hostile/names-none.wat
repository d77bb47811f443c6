;; Has a name looked up, past the door. It is refused.
;; expect: done
(import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
(data (i32.const 4096) "localhost")
(func $handle (param $event i32) (result i32)
    (call $resolve (call $network) (i32.const 4096) (i32.const 9) (i32.const 2048))
    (if (i32.eqz (i32.load8_u (i32.const 2048))) (then unreachable))
    (call $done (local.get $event)))
