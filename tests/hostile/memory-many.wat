;; Three more core modules with 22 MiB each: every one is within the limit, and all are not.
;; beside: (module (memory 352))
;; beside: (module (memory 352))
;; beside: (module (memory 352))
;; beside: (module)
;; expect: limit memory_bytes
(func $handle (param $event i32) (result i32)
    unreachable)
