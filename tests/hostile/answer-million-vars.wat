;; Answers with a million VARs, all empty: more as the gateway would hold them than as they are sent.
;; expect: limit host_call_bytes
(memory 288)
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1032) (i32.const 65536))
    (i32.store (i32.const 1036) (i32.const 1000000))
    (call $done (local.get $event)))
