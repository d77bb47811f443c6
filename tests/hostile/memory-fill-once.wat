;; Fills 59 MiB of its memory, once. What there is of the event lies below.
;; expect: done
(memory 961)
(func $handle (param $event i32) (result i32)
    (memory.fill (i32.const 1048576) (i32.const 255) (i32.const 61865984))
    (call $done (local.get $event)))
