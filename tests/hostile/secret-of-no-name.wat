;; Asks for a secret by a name that none can have.
;; expect: done
(import "patchbay:module/config@0.1.0" "secret" (func $secret (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (call $secret (i32.const 131072) (i32.const 1000) (i32.const 2048))
    (if (i32.load8_u (i32.const 2048)) (then unreachable))
    (call $done (local.get $event)))
