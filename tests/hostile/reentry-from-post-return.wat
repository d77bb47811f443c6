;; Calls the gateway when it may clear up.
;; expect: trap cannot leave component instance
(import "patchbay:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(func $post (param i32) (call $log (i32.const 1) (i32.const 0) (i32.const 0)))
(func $handle (param $event i32) (result i32)
    (call $done (local.get $event)))
