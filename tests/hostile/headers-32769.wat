;; Adds the same header 32,769 times.
;; expect: trap size of fields
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(data (i32.const 4096) "a")
(func $handle (param $event i32) (result i32)
    (local $fields i32) (local $n i32)
    (local.set $fields (call $fields))
    (loop $more
        (call $append (local.get $fields) (i32.const 4096) (i32.const 1) (i32.const 4096) (i32.const 1) (i32.const 2048))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 32769))))
    (call $done (local.get $event)))
