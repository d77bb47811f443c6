;; Gives room for the event where it cannot be.
;; expect: trap realloc
(func $realloc (param i32 i32 i32 i32) (result i32) (i32.const 65537))
(func $handle (param $event i32) (result i32)
    (call $done (local.get $event)))
