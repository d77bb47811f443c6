;; Rejects with a text of 17 MiB.
;; expect: limit host_call_bytes
(memory 288)
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 65536))
    (i32.store (i32.const 1036) (i32.const 17825792))
    (call $done (local.get $event)))
