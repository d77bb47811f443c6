;; Makes 900 headers and keeps them, which it may.
;; expect: done
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(func $handle (param $event i32) (result i32)
    (local $n i32)
    (loop $more
        (drop (call $fields))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 900))))
    (call $done (local.get $event)))
