;; Divides the least number by minus one.
;; expect: trap integer overflow
(func $handle (param $event i32) (result i32)
    (i32.div_s (i32.const 0x80000000) (i32.const -1)))
