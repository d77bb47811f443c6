;; Logs bytes that are no text.
;; expect: trap utf-8
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $handle (param $event i32) (result i32)
    (i32.store (i32.const 4096) (i32.const 0xff80c0fe))
    (call $log (i32.const 1) (i32.const 4096) (i32.const 4))
    unreachable)
