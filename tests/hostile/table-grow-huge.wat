;; Grows a table by 2^32 - 1 elements at once, more than any may have, and gives up.
;; expect: trap unreachable
(table $a 0 funcref)
(func $handle (param $event i32) (result i32)
    (if (i32.eq (table.grow $a (ref.null func) (i32.const -1)) (i32.const -1)) (then unreachable))
    (call $done (local.get $event)))
