;; Uses data after it let go of it.
;; expect: trap out of bounds memory access
(data $d "data")
(func $handle (param $event i32) (result i32)
    (data.drop $d)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4))
    unreachable)
