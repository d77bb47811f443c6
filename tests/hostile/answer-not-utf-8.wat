;; Rejects with bytes that are no text.
;; expect: trap utf-8
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 4096) (i32.const 0xff80c0fe))
    (i32.store (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 4096))
    (i32.store (i32.const 1036) (i32.const 4))
    (call $done (local.get $event)))
