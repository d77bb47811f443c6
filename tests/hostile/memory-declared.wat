;; Declares 80 MiB of memory, more than its limit, to begin with.
;; expect: limit memory_bytes
(memory 1280)
(func $handle (param $event i32) (result i32)
    unreachable)
