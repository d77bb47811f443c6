;; Gives room behind its memory for the event.
;; expect: trap realloc
(func $realloc (param i32 i32 i32 i32) (result i32) (i32.const 0xfffffff0))
(func $handle (param $event i32) (result i32)
    (call $done (local.get $event)))
