;; Makes headers of a list of 32,769.
;; expect: trap size of fields
(import "wasi:http/types@0.2.12" "[static]fields.from-list" (func $from-list (param i32 i32 i32)))
(memory 10)
(data (i32.const 4096) "a")
(func $handle (param $event i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 65536))
    (loop $more
        (i32.store (local.get $at) (i32.const 4096))
        (i32.store offset=4 (local.get $at) (i32.const 1))
        (i32.store offset=8 (local.get $at) (i32.const 4096))
        (i32.store offset=12 (local.get $at) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 589840))))
    (call $from-list (i32.const 65536) (i32.const 32769) (i32.const 2048))
    unreachable)
