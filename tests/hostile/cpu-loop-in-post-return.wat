;; Answers, and computes for ever when it may clear up.
;; limits: cpu_ms=30
;; expect: limit cpu_ms
(func $post (param i32) (loop $again (br $again)))
(func $handle (param $event i32) (result i32)
    (call $done (local.get $event)))
