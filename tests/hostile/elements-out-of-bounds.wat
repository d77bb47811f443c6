;; Has elements that go beyond its table.
;; expect: trap out of bounds table access
(table 1 funcref)
(elem (i32.const 1) $handle)
(func $handle (param $event i32) (result i32)
    unreachable)
