;; Answers with a thousand VARs that are all the same text of 1 MiB: a gigabyte out of one.
;; expect: limit host_call_bytes
(memory 20)
(func $handle (param $event i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 1200000))
    (loop $more
        (i32.store (local.get $at) (i32.const 1))
        (i32.store offset=4 (local.get $at) (i32.const 131072))
        (i32.store offset=8 (local.get $at) (i32.const 1048576))
        (local.set $at (i32.add (local.get $at) (i32.const 12)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const 1212000))))
    (i32.store (i32.const 1032) (i32.const 1200000))
    (i32.store (i32.const 1036) (i32.const 1000))
    (call $done (local.get $event)))
