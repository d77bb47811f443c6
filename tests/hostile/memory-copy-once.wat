;; Copies 59 MiB within its memory, once. What there is of the event lies below.
;; expect: done
(memory 961)
(func $handle (param $event i32) (result i32)
    (memory.copy (i32.const 1048576) (i32.const 1048577) (i32.const 61865984))
    (call $done (local.get $event)))
