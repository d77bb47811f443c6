;; Ends the program, as programs do that fail.
;; expect: trap Exited with i32 exit status 1
(import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))
(func $handle (param $event i32) (result i32)
    (call $exit (i32.const 1))
    unreachable)
