;; Asks for the same stream for ever, which is a new one each time.
;; expect: limit handles
(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
(func $handle (param $event i32) (result i32)
    (loop $again
        (drop (call $stdout))
        (br $again))
    unreachable)
