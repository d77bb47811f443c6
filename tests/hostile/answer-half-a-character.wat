;; Rejects with a surrogate, written as if it were a character.
;; expect: trap utf-8
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 4096) (i32.const 0x0080a0ed))
    (i32.store (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1032) (i32.const 4096))
    (i32.store (i32.const 1036) (i32.const 3))
    (call $done (local.get $event)))
